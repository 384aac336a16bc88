import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Fault, post } from "../api/client.ts";
import { loginWays } from "../api/queries.ts";
import type { LoginCode } from "../api/types.ts";
import { Command } from "../parts/copy.tsx";
import { useTitle } from "../parts/title.ts";
import { nextKey } from "../shell/next.ts";
import { refusal } from "./refusal.ts";

/** LoginPage is for who is nobody yet: the organisation's login, a token of the cluster, or the command that does it. */
export function LoginPage() {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<Fault | undefined>();
  const ways = useQuery(loginWays);
  const [busy, setBusy] = useState(false);
  const refused = new URLSearchParams(window.location.search).get("refused");
  const back = window.location.pathname === "/login" ? "/" : window.location.pathname + window.location.search;
  const enter = async () => {
    setBusy(true);
    try {
      const { code } = await post<LoginCode>(["login"], { token: token.trim() });
      sessionStorage.setItem(nextKey, back);
      window.location.assign(`/login?code=${encodeURIComponent(code)}`);
    } catch (e) {
      setFault(Fault.of(e));
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <div className="card">
        <div className="body stack" style={{ gap: 18 }}>
          <div>
            <h1>Sign in to Plumb</h1>
            <p className="dim">Kubernetes decides what you see and may do: nothing else is asked.</p>
          </div>
          {ways.data?.oidc && (
            <a className="button" href={`/login/oidc?next=${encodeURIComponent(back)}`}>
              Sign in with your organisation
            </a>
          )}
          {refused && (
            <p role="alert" className="s-failed">
              {refusal(refused)}
            </p>
          )}
          <form
            className="stack"
            style={{ gap: 8 }}
            onSubmit={(e) => {
              e.preventDefault();
              if (token.trim() && !busy) void enter();
            }}
          >
            <label className="label">
              A token of the cluster
              <input
                className="field"
                type="password"
                autoComplete="off"
                value={token}
                onChange={(e) => setToken(e.target.value)}
                aria-describedby="token-help"
              />
              <small id="token-help">
                For example of <code>kubectl create token NAME -n NAMESPACE</code>. It is sent to the agent once, and not kept in the
                browser.
              </small>
            </label>
            <button type="submit" className="button first" aria-disabled={!token.trim() || busy}>
              Sign in
            </button>
            {fault && (
              <p role="alert" className="s-failed">
                {fault.message}
                {fault.next && `; ${fault.next}`}
              </p>
            )}
          </form>
          <div className="stack" style={{ gap: 6 }}>
            <span className="dim">Or from a terminal, with your kubeconfig:</span>
            <Command text="plumb ui" />
            <span className="dim">In a playground, where plumb up runs:</span>
            <Command text="plumb ui --playground" />
          </div>
        </div>
      </div>
    </main>
  );
}
