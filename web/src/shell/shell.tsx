import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { Fault } from "../api/client.ts";
import { me } from "../api/queries.ts";
import type { Me } from "../api/types.ts";
import { LiveProvider, useLive, useOfFleet, usePulse } from "../live/connection.tsx";
import { copyText } from "../parts/copy.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { GlyphSheet, Icon } from "../parts/glyph.tsx";
import { To } from "../parts/link.tsx";
import { useStrip } from "../parts/strip.ts";
import { clockText } from "../parts/time.tsx";
import { go } from "../router.tsx";
import { age, count, initials } from "../words.ts";
import { useKeys } from "./keys.ts";
import { takeNext } from "./next.ts";
import { say, Toasts } from "./toasts.tsx";

const Palette = lazy(() => import("./palette.tsx"));
const Help = lazy(() => import("./help.tsx"));
const Person = lazy(() => import("./person.tsx"));
const Login = lazy(() => import("../login/page.tsx").then((m) => ({ default: m.LoginPage })));

export const pages = [
  { href: "/", name: "Fleet", key: "f" },
  { href: "/changes", name: "Changes", key: "c" },
  { href: "/pulls", name: "Pull requests", key: "p" },
  { href: "/drift", name: "Drift", key: "d" },
  { href: "/repos", name: "Repos", key: "r" },
  { href: "/clusters", name: "Clusters", key: "k" },
  { href: "/figures", name: "Figures", key: "i" },
] as const;

/** openPalette is what buttons and keys call; the shell listens. */
export const ask = (what: "palette" | "help" | "person") => window.dispatchEvent(new CustomEvent("plumb:open", { detail: what }));

/** Shell stands around every page: who asks is known first, then the fleet is read, then the page is drawn. */
export function Shell() {
  const who = useQuery(me);
  const path = useRouterState({ select: (s) => s.location.pathname });
  if (path === "/login" || (who.error && Fault.of(who.error).status === 401))
    return (
      <>
        <GlyphSheet />
        <Suspense fallback={null}>
          <Login />
        </Suspense>
      </>
    );
  if (!who.data) return who.error ? <FaultCard error={who.error} /> : <GlyphSheet />;
  return (
    <LiveProvider>
      <Frame who={who.data} />
    </LiveProvider>
  );
}

function Frame({ who }: { who: Me }) {
  const path = useRouterState({ select: (s) => s.location.pathname });
  const [open, setOpen] = useState<"" | "palette" | "help" | "person">("");
  useEffect(() => {
    const listen = (e: Event) => setOpen((e as CustomEvent).detail);
    const palette = (e: KeyboardEvent) => {
      if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        setOpen((o) => (o === "palette" ? "" : "palette"));
      }
    };
    window.addEventListener("plumb:open", listen);
    window.addEventListener("keydown", palette);
    return () => {
      window.removeEventListener("plumb:open", listen);
      window.removeEventListener("keydown", palette);
    };
  }, []);
  useEffect(() => {
    const next = takeNext();
    if (next) go(next);
  }, []);
  useKeys({
    ...Object.fromEntries(pages.map((p) => [`g ${p.key}`, () => go(p.href)])),
    "?": () => setOpen("help"),
    "/": () => {
      const field = document.querySelector<HTMLInputElement>("input[data-search]");
      if (field) field.focus();
      else setOpen("palette");
    },
    y: () => void copyText(window.location.href).then((ok) => say(ok ? "The link is copied." : "The link could not be copied.")),
  });
  const close = () => setOpen("");
  return (
    <div className="shell">
      <GlyphSheet />
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <header className="bar">
        <To href="/" className="brand" aria-label="plumb: fleet">
          <Bob />
          plumb
        </To>
        <Nav path={path} />
        <button
          type="button"
          className="find"
          onClick={() => setOpen("palette")}
          aria-keyshortcuts="Control+K Meta+K"
          title="Search or jump to"
        >
          <Icon name="search" />
          <span>Search or jump to</span>
          <kbd>{/mac/i.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <PulseBadge />
        <button type="button" className="who" onClick={() => setOpen("person")} title={who.name}>
          <span aria-hidden="true">{initials(who.name)}</span>
          <span className="sr">{who.name}: account and theme</span>
        </button>
      </header>
      <Notes who={who} />
      <main className="main" id="main" tabIndex={-1}>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </main>
      <Toasts />
      <Suspense fallback={null}>
        {open === "palette" && <Palette onClose={close} />}
        {open === "help" && <Help onClose={close} />}
        {open === "person" && <Person who={who} onClose={close} />}
      </Suspense>
    </div>
  );
}

function Bob() {
  return (
    <svg width="16" height="20" viewBox="0 0 16 20" aria-hidden="true">
      <path d="M8 0v9" stroke="currentColor" strokeWidth="1.600" />
      <path d="M3.500 9h9L8 19z" fill="currentColor" />
    </svg>
  );
}

function Nav({ path }: { path: string }) {
  const failed = useOfFleet((f) => f.counts.failed);
  const drifted = useOfFleet((f) => f.drifted);
  const strip = useStrip(`${path} ${failed > 0} ${drifted > 0}`);
  const here = (href: string) =>
    href === "/"
      ? path === "/" || path.startsWith("/app/")
      : path.startsWith(href) || (href === "/changes" && path.startsWith("/c/")) || (href === "/pulls" && path.startsWith("/pr/"));
  return (
    <nav ref={strip} className="nav" aria-label="pages">
      {pages.map((p) => (
        <To key={p.href} href={p.href} aria-current={here(p.href) ? "page" : undefined}>
          {p.name}
          {p.href === "/" && failed > 0 && (
            <span className="tally bad" title={`${count(failed)} failed`}>
              {count(failed)}
            </span>
          )}
          {p.href === "/drift" && drifted > 0 && (
            <span className="tally drift" title={`${count(drifted)} drifted`}>
              {count(drifted)}
            </span>
          )}
        </To>
      ))}
    </nav>
  );
}

/** PulseBadge says how far what is shown can be trusted. */
function PulseBadge() {
  const p = usePulse();
  const words = {
    live: "live",
    connecting: "connecting",
    behind: p.silent ? "agent silent" : `${age(p.now - p.heard)} behind`,
    offline: "offline",
  };
  return (
    <span
      className={`pulse ${p.state}`}
      role="status"
      data-pulse={p.state}
      title={p.heard ? `last heard ${clockText(p.heard)}` : undefined}
    >
      <i />
      {words[p.state]}
    </span>
  );
}

function Notes({ who }: { who: Me }) {
  const { agent } = useLive();
  const p = usePulse();
  return (
    <section className="notes" aria-label="Notes on what is shown">
      {p.state === "offline" && (
        <div className="note bad" role="alert">
          <b>Not connected.</b> What you see is as of {p.heard ? clockText(p.heard) : "before"}. The page tries again by itself.
        </div>
      )}
      {agent.silent && p.state !== "offline" && (
        <div className="note warn" role="alert">
          <b>{agent.silent}.</b> States are those that were last known; is the agent running? <code>plumb doctor</code> looks.
        </div>
      )}
      {p.state === "behind" && !p.silent && (
        <div className="note warn" role="alert">
          <b>Nothing has been heard from the agent since {clockText(p.heard)}.</b> What you see is as of then; is the agent running?{" "}
          <code>plumb doctor</code> looks.
        </div>
      )}
      {(who.readOnly || agent.readOnly) && (
        <div className="note">The agent is read-only: it shows what it would do, and changes nothing.</div>
      )}
      {who.simulated && (
        <div className="note">
          <b>Playground.</b> Nodes and pods are simulated; everything else is real.
        </div>
      )}
      {who.weak && <div className="note warn">{who.weak}</div>}
    </section>
  );
}

export function NotFound() {
  return (
    <Empty title="There is no such page" state="unknown" whole>
      <p>
        The address may be of another version.{" "}
        <To href="/" className="link">
          Go to the fleet
        </To>
        , or press <kbd>?</kbd> for what there is.
      </p>
    </Empty>
  );
}

export function Trouble({ error }: { error: unknown }) {
  return (
    <>
      <GlyphSheet />
      <FaultCard error={error} />
      <p style={{ padding: "0 20px" }}>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </p>
    </>
  );
}
