import { useState } from "react";
import { post } from "../api/client.ts";
import type { Me } from "../api/types.ts";
import { client } from "../live/connection.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Clock } from "../parts/time.tsx";
import { setTheme, type Theme, theme, themes } from "./theme.ts";

const how: Record<string, string> = {
  token: "the agent's page token: you see and do what the agent itself may",
  kubeconfig: "a token of your kubeconfig",
  oidc: "your organisation's login",
};

export default function Person({ who, onClose }: { who: Me; onClose: () => void }) {
  const [t, setT] = useState<Theme>(theme());
  return (
    <Dialog title={who.name} onClose={onClose}>
      <dl className="facts">
        <dt>Signed in with</dt>
        <dd>{how[who.how] ?? who.how}</dd>
        {who.groups && who.groups.length > 0 && (
          <>
            <dt>Groups</dt>
            <dd>{who.groups.join(", ")}</dd>
          </>
        )}
        {who.expires && (
          <>
            <dt>Until</dt>
            <dd>
              <Clock at={who.expires} />
            </dd>
          </>
        )}
        <dt>Rights</dt>
        <dd>Kubernetes RBAC decides what you see and may do. A button that you may not press says why.</dd>
        <dt>Agent</dt>
        <dd>
          {who.version}
          {who.cluster?.version ? `, Kubernetes ${who.cluster.version}` : ""}
        </dd>
      </dl>
      <div className="line">
        <span className="grow">Theme</span>
        <span className="segments">
          {themes.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={t === name}
              onClick={() => {
                setTheme(name);
                setT(name);
              }}
            >
              {name}
            </button>
          ))}
        </span>
      </div>
      <footer>
        {who.logout && (
          <button
            type="button"
            className="button"
            onClick={async () => {
              await post(["logout"]).catch(() => undefined);
              client.clear();
              window.location.assign("/login");
            }}
          >
            Sign out
          </button>
        )}
        <button type="button" className="button first" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
