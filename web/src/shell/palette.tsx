import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { changes, pulls, repos } from "../api/queries.ts";
import { useLive } from "../live/connection.tsx";
import type { Target } from "../live/fleet.ts";
import { copyText } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Glyph, Icon, type IconName } from "../parts/glyph.tsx";
import { appPath, commitPath } from "../parts/link.tsx";
import { go } from "../router.tsx";
import { address, person, severity, short, word } from "../words.ts";
import { bestOf, rank, ranker } from "./rank.ts";
import { ask, pages } from "./shell.tsx";
import { setTheme, themes } from "./theme.ts";
import { say } from "./toasts.tsx";

type Item = { key: string; text: string; kind: string; state?: string; icon?: IconName; act: () => void };
const most = 40;

/** Palette finds apps, commits, pull requests, repositories, pages and commands by a few letters. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [q, setQ] = useState("");
  const [at, setAt] = useState(0);
  const found = useFound(q);
  const id = useId();
  const listRef = useRef<HTMLDivElement>(null);
  useEffect(() => {
    listRef.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const choose = (item: Item | undefined) => {
    if (!item) return;
    onClose();
    item.act();
  };
  return (
    <Dialog title="Search or jump to" onClose={onClose} className="palette" bare>
      <input
        role="combobox"
        aria-label="Search apps, commits, pull requests, pages and commands"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found[at] ? `${id}-${at}` : undefined}
        placeholder="App, commit, pull request, page or command"
        value={q}
        autoComplete="off"
        spellCheck={false}
        onChange={(e) => {
          setQ(e.target.value);
          setAt(0);
        }}
        onKeyDown={(e) => {
          const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[e.key];
          if (step) {
            e.preventDefault();
            setAt((a) => Math.max(0, Math.min(found.length - 1, a + step)));
          } else if (e.key === "Enter") {
            e.preventDefault();
            choose(found[at]);
          }
        }}
      />
      <div className="palette-list" role="listbox" id={id} ref={listRef} aria-label="Found">
        {found.map((item, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the field's
          <div
            key={item.key}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => choose(item)}
            onMouseMove={() => setAt(i)}
          >
            {item.state ? <Glyph state={item.state} /> : <Icon name={item.icon ?? "right"} />}
            <span className="cut">{item.text}</span>
            <span className="kind">{item.kind}</span>
          </div>
        ))}
        {!found.length && (
          <div role="option" aria-selected="false" aria-disabled="true" className="dim">
            Nothing is called that
          </div>
        )}
      </div>
    </Dialog>
  );
}

function useFound(q: string): Item[] {
  const { fleet } = useLive(); // as it is when something is typed: what is found does not move by itself
  const texts = useMemo(() => fleet.targets.map((t) => `${address(t)} ${t.namespace}`.toLowerCase()), [fleet, fleet.structure]);
  const commits = useQuery(changes({ limit: 50 }));
  const open = useQuery(pulls());
  const all = useQuery(repos());
  const fixed = useMemo<Item[]>(
    () => [
      ...pages.map((p) => ({ key: p.href, text: p.name, kind: `page · g ${p.key}`, act: () => go(p.href) })),
      ...themes.map((t) => ({ key: `theme ${t}`, text: `Theme: ${t}`, kind: "command", act: () => setTheme(t) })),
      {
        key: "copy",
        text: "Copy the link to this view",
        kind: "command · y",
        icon: "copy" as const,
        act: () => void copyText(window.location.href).then(() => say("The link is copied.")),
      },
      { key: "help", text: "Keys", kind: "command · ?", icon: "help" as const, act: () => ask("help") },
    ],
    [],
  );
  return useMemo(() => {
    const answers = ranker(q);
    const ranked: { t: Target; r: number }[] = [];
    for (const [i, t] of fleet.targets.entries()) {
      const r = q !== "" || t.state !== "ok" ? answers(texts[i]!) : 0;
      if (r > 0) ranked.push({ t, r });
    }
    const order = (a: { t: Target; r: number }, b: { t: Target; r: number }) =>
      b.r - a.r || severity(a.t.state) - severity(b.t.state) || b.t.changed - a.t.changed;
    const apps = bestOf(ranked, q ? 20 : 8, order).map(({ t, r }): [number, Item] => [
      r,
      { key: t.id, text: address(t), kind: word(t.state), state: t.state, act: () => go(appPath(t.id)) },
    ]);
    const some = (items: Item[], extra = 0): [number, Item][] =>
      items.map((i): [number, Item] => [rank(q, i.text) && rank(q, i.text) + extra, i]).filter(([r]) => r > 0);
    const history = (commits.data?.items ?? []).map((c) => ({
      key: c.repo + c.id,
      text: `${short(c.id)} ${c.subject ?? ""}`,
      kind: person(c.author) || "commit",
      icon: "commit" as const,
      act: () => go(commitPath(c.repo, c.id)),
    }));
    const requests = (open.data ?? []).map((p) => ({
      key: `${p.repo}#${p.number}`,
      text: `#${p.number} ${p.title ?? ""}`,
      kind: p.repo,
      icon: "pull" as const,
      act: () => go(`/pr/${p.repo}/${p.number}`),
    }));
    const repositories = (all.data ?? []).map((r) => ({
      key: `repo ${r.id}`,
      text: r.id,
      kind: "repository",
      act: () => go(`/repos#${r.id}`),
    }));
    const found = [...apps, ...some(fixed, q ? 0 : 1), ...(q ? some([...history, ...requests, ...repositories]) : [])];
    if (q) found.sort((a, b) => b[0] - a[0]);
    return found.slice(0, most).map(([, item]) => item);
  }, [q, fleet, texts, commits.data, open.data, all.data, fixed]);
}
