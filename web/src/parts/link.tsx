import type { Pull } from "../api/types.ts";
import { go } from "../router.tsx";
import { safeLink, short } from "../words.ts";
import { Icon } from "./glyph.tsx";

/** appPath is the address of an app's page. */
export const appPath = (id: string, tab = ""): string => `/app/${id.split("/").map(encodeURIComponent).join("/")}${tab ? `/${tab}` : ""}`;

/** commitPath is the address of a commit's page; repo is "<namespace>/<name>". */
export const commitPath = (repo: string, commit: string): string => `/c/${repo.split("/").map(encodeURIComponent).join("/")}/${commit}`;

type Rest = Omit<React.AnchorHTMLAttributes<HTMLAnchorElement>, "href">;

/** To is a link inside the page: an ordinary one to whoever opens it elsewhere. */
export function To({ href, onClick, ...rest }: { href: string } & Rest) {
  return (
    <a
      href={href}
      {...rest}
      onClick={(e) => {
        onClick?.(e);
        if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
        e.preventDefault();
        go(href);
      }}
    />
  );
}

/** Commit is a commit, seven digits long, with a link to its page where its repository is known. */
export function Commit({ id, repo }: { id: string | undefined; repo?: string }) {
  if (!id) return <span className="dimmer">–</span>;
  const text = short(id);
  if (!repo || id.includes("@")) return <code title={id}>{text}</code>;
  return (
    <To href={commitPath(repo, id)} className="quiet">
      <code title={id}>{text}</code>
    </To>
  );
}

/** Out is a link to elsewhere: http and https only, else it is text. */
export function Out({ href, children }: { href: string | undefined; children: React.ReactNode }) {
  const safe = safeLink(href);
  if (!safe) return <>{children}</>;
  return (
    <a href={safe} className="link" target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  );
}

/** PullLink leads to the pull request at its forge. */
export function PullLink({ pull }: { pull: (Pull & { title?: string }) | undefined }) {
  if (!pull) return null;
  return (
    <Out href={pull.url}>
      <span className="line" style={{ display: "inline-flex", gap: 4 }} title={pull.title}>
        <Icon name="pull" />#{pull.number}
      </span>
    </Out>
  );
}
