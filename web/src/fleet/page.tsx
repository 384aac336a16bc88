import { useQuery } from "@tanstack/react-query";
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { changes } from "../api/queries.ts";
import { useLive, useOfFleet } from "../live/connection.tsx";
import type { Fleet, Target } from "../live/fleet.ts";
import { Command } from "../parts/copy.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Glyph, Icon } from "../parts/glyph.tsx";
import { appPath, Commit } from "../parts/link.tsx";
import { Ago } from "../parts/time.tsx";
import { useTitle } from "../parts/title.ts";
import { go, useAddress, useTyped } from "../router.tsx";
import { list, one, toggled } from "../search.ts";
import { useKeys } from "../shell/keys.ts";
import { address, count, isState, person, plural, type State, severity, sign, states, word } from "../words.ts";
import { Grid } from "./grid.tsx";
import { type Choice, columnsOf, gravest, groups, itemsOf, Lay, type Line, type Matrix, settle, sorts } from "./model.ts";
import { Panel } from "./panel.tsx";

/** FleetPage shows every app in every environment: what is wrong first, then all of it. */
export function FleetPage() {
  const { ready, error } = useLive();
  const title = useOfFleet((f) => titleOf(f.counts, f.targets.length));
  const n = useOfFleet((f) => f.targets.length);
  useTitle(ready ? title : "");
  if (!ready) return error ? <FaultCard error={error} /> : <Waiting lines={12} what="reading the fleet" />;
  if (!n) return <NoApps />;
  return <FleetView />;
}

function titleOf(n: Record<State, number>, all: number): string {
  if (!all) return "no apps";
  const worst = states.filter((s) => n[s] > 0).sort((a, b) => severity(a) - severity(b))[0] ?? "ok";
  return worst === "ok" ? `${sign("ok")} all ${count(all)} ok` : `${sign(worst)} ${count(n[worst])} ${word(worst)}`;
}

/** pace is how often, in milliseconds, what the stream brings is drawn at most: nobody reads faster. */
const pace = 100;

/** usePaced follows the fleet's version, but no more often than leaves nine tenths of the time free for what else is done. */
function usePaced(fleet: Fleet, cost: React.RefObject<number>): number {
  const [version, setVersion] = useState(fleet.version);
  useEffect(() => {
    let timer = 0;
    let last = performance.now();
    const follow = () => {
      timer = 0;
      last = performance.now();
      setVersion(fleet.version);
    };
    const changed = () => {
      timer ||= window.setTimeout(follow, Math.max(0, last + Math.max(pace, Math.min(900, 10 * cost.current)) - performance.now()));
    };
    changed();
    const end = fleet.subscribe(changed);
    return () => {
      end();
      window.clearTimeout(timer);
    };
  }, [fleet, cost]);
  return version;
}

/** useChoice is what the address and the field of the search say. What did not change stays the same value. */
function useChoice() {
  const [search, change] = useAddress();
  const [q, type] = useTyped(search.q ?? "", (q) => change({ q }, true));
  const state = useMemo(() => list(search.state).filter(isState), [search.state]);
  const env = useMemo(() => list(search.env), [search.env]);
  const cluster = useMemo(() => list(search.cluster), [search.cluster]);
  const { repo = "", namespace = "" } = search;
  const group = one(groups, search.group);
  const sort = one(sorts, search.sort);
  const choice = useMemo<Choice>(
    () => ({ q, state, env, cluster, repo, namespace, group, sort }),
    [q, state, env, cluster, repo, namespace, group, sort],
  );
  return { choice, change, type, search };
}

/** FleetView is the matrix and what chooses in it. It is drawn anew at its own pace, not with each event of the stream. */
const FleetView = memo(function FleetView() {
  const { fleet } = useLive();
  const { choice, change, type, search } = useChoice();
  const unfolded = search.open ?? "";
  const scroll = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState(false); // somebody points into the matrix: lines stay where they are
  const cost = useRef(0);
  const version = usePaced(fleet, cost);
  const begun = performance.now();
  useLayoutEffect(() => {
    cost.current = performance.now() - begun;
  });

  const columns = useMemo(
    () => columnsOf(fleet.targets, fleet.envs, fleet.clusters, new Set(list(unfolded))),
    [fleet, fleet.structure, unfolded],
  );
  const shownColumns = useMemo(
    () =>
      columns.filter(
        (c) =>
          (!choice.env.length || choice.env.includes(c.env)) &&
          (!choice.cluster.length || c.clusters.some((k) => choice.cluster.includes(k))),
      ),
    [columns, choice.env, choice.cluster],
  );
  const { env, cluster, repo, namespace, sort } = choice;
  const lay = useMemo(
    () => new Lay(fleet, shownColumns, { env, cluster, repo, namespace, sort }),
    [fleet, fleet.structure, shownColumns, env, cluster, repo, namespace, sort],
  );
  const matrix = useMemo(() => {
    lay.follow(fleet);
    return lay.choose(choice);
  }, [lay, fleet, version, choice]);
  const settled = useSettled(matrix, choice, held);
  const items = useMemo(() => itemsOf(settled.lines, choice.group), [settled.lines, choice.group]);
  const namespaces = useMemo(() => new Set(fleet.targets.map((t) => t.namespace)).size > 1, [fleet, fleet.structure]);
  const selected = search.at ? fleet.get(search.at) : undefined;
  useKeys(search.at ? { Escape: () => change({ at: undefined }), o: () => go(appPath(search.at!)) } : {});

  return (
    <div className={`fleet ${search.at ? "beside" : ""}`}>
      <div className="fleet-scroll" ref={scroll} data-scroll>
        <div className="fleet-head">
          <h1 className="sr">Fleet</h1>
          <Counters matrix={matrix} choice={choice} change={change} />
          <Filters choice={choice} structure={fleet.structure} change={change} type={type} />
        </div>
        {!choice.q && !choice.state.length && choice.group === "none" && (
          <Attention troubles={fleet.troubles} version={version} at={search.at} change={change} />
        )}
        {items.length ? (
          <Grid
            scroll={scroll}
            columns={shownColumns}
            items={items}
            namespaces={namespaces}
            selected={search.at}
            onSelect={(id) => change({ at: id })}
            onHold={setHeld}
            onFold={(env) => change({ open: toggled(list(unfolded), env) })}
          />
        ) : (
          <Empty title="No app is called that, or is like that" state="unknown">
            <p>
              {plural(fleet.targets.length, "target")} {fleet.targets.length === 1 ? "is" : "are"} there; the choice leaves none.
            </p>
            <button
              type="button"
              className="button"
              onClick={() => {
                type("");
                change(Object.fromEntries(Object.keys(search).map((k) => [k, undefined])));
              }}
            >
              Clear every filter
            </button>
          </Empty>
        )}
        {(settled.held > 0 || settled.moved) && (
          <button type="button" className="button fresh" onClick={settled.release}>
            <Icon name="sync" />
            {settled.held > 0 ? plural(settled.held, "new line") : "Order changed"}
          </button>
        )}
      </div>
      {search.at && <Panel id={search.at} target={selected} onClose={() => change({ at: undefined })} />}
    </div>
  );
});

/** useSettled keeps the order of lines while they are held, and as soon as the choice changes takes the new one. */
function useSettled(matrix: Matrix, choice: Choice, held: boolean) {
  const shown = useRef<{ choice: Choice; lines: readonly Line[] }>({ choice, lines: [] });
  const [, again] = useState(0);
  const frozen = held && shown.current.choice === choice;
  const s = useMemo(() => settle(shown.current.lines, matrix.lines, frozen), [matrix.lines, frozen]);
  useEffect(() => {
    shown.current = { choice, lines: s.lines };
  }, [choice, s.lines]);
  return {
    ...s,
    release: () => {
      shown.current = { choice, lines: [] };
      again((n) => n + 1);
    },
  };
}

type Change = (c: Record<string, string | undefined>, replace?: boolean) => void;

function Counters({ matrix, choice, change }: { matrix: Matrix; choice: Choice; change: Change }) {
  return (
    <div className="counters" role="group" aria-label="States: press to show only these">
      {states.map((s) => {
        const n = matrix.counts[s];
        const on = choice.state.includes(s);
        if (!n && !on) return null;
        return (
          <button
            key={s}
            type="button"
            className={`counter s-${s}`}
            aria-pressed={on}
            onClick={() => change({ state: toggled(choice.state, s) })}
          >
            <Glyph state={s} />
            <b className="num">{count(n)}</b> {word(s)}
          </button>
        );
      })}
      <span className="dim num counters-end">
        {plural(matrix.apps, "app")}, {plural(matrix.total, "target")}
      </span>
    </div>
  );
}

type FiltersProps = { choice: Choice; structure: number; change: Change; type: (q: string) => void };

const Filters = memo(function Filters({ choice, structure, change, type }: FiltersProps) {
  const { fleet } = useLive();
  const options = useMemo(() => {
    const pick = (f: (t: Target) => string) => [...new Set(fleet.targets.map(f))].filter(Boolean).sort();
    return { repo: pick((t) => t.repo), namespace: pick((t) => t.namespace), env: fleet.envs.filter(Boolean), cluster: fleet.clusters };
  }, [fleet, structure]);
  return (
    <div className="filters">
      <label className="search">
        <Icon name="search" />
        <input
          data-search
          type="search"
          aria-label="Search apps by name, namespace, environment, cluster or commit"
          placeholder="Filter apps, commits…"
          value={choice.q}
          onChange={(e) => type(e.target.value)}
          onKeyDown={(e) => {
            if (e.key === "Escape") {
              type("");
              e.currentTarget.blur();
            } else if (e.key === "ArrowDown" || e.key === "Enter") {
              e.preventDefault();
              document.querySelector<HTMLElement>("[role=grid]")?.focus();
            }
          }}
          spellCheck={false}
          autoComplete="off"
        />
        <kbd>/</kbd>
      </label>
      <Select name="env" label="Environment" value={choice.env[0] ?? ""} options={options.env} change={change} />
      {options.cluster.length > 1 && (
        <Select name="cluster" label="Cluster" value={choice.cluster[0] ?? ""} options={options.cluster} change={change} />
      )}
      {options.repo.length > 1 && <Select name="repo" label="Repository" value={choice.repo} options={options.repo} change={change} />}
      {options.namespace.length > 1 && (
        <Select name="namespace" label="Namespace" value={choice.namespace} options={options.namespace} change={change} />
      )}
      <span className="filters-end line">
        <select
          className="field quiet"
          aria-label="Group by"
          value={choice.group}
          onChange={(e) => change({ group: e.target.value === "none" ? undefined : e.target.value })}
        >
          <option value="none">No groups</option>
          <option value="state">By state</option>
          <option value="namespace">By namespace</option>
          <option value="repo">By repository</option>
        </select>
        <select
          className="field quiet"
          aria-label="Sort by"
          value={choice.sort}
          onChange={(e) => change({ sort: e.target.value === "trouble" ? undefined : e.target.value })}
        >
          <option value="trouble">Trouble first</option>
          <option value="changed">Newest change first</option>
          <option value="name">By name</option>
        </select>
      </span>
    </div>
  );
});

function Select(p: { name: string; label: string; value: string; options: string[]; change: Change }) {
  if (!p.options.length) return null;
  return (
    <select
      className="field quiet"
      aria-label={p.label}
      value={p.value}
      onChange={(e) => p.change({ [p.name]: e.target.value || undefined })}
    >
      <option value="">{p.label}: all</option>
      {p.options.map((o) => (
        <option key={o} value={o}>
          {o}
        </option>
      ))}
    </select>
  );
}

/** Commits is what is applied, and what is wanted where that is another commit. */
function Commits({ t }: { t: Target }) {
  if (!t.wanted) return t.revision ? <code className="dim">{t.revision}</code> : null;
  return (
    <code className="dim">
      <span className="sr">applied </span>
      {t.revision || "none"}
      <span aria-hidden="true"> → </span>
      <span className="sr">, wanted </span>
      {t.wanted}
    </code>
  );
}

const attention = 5;

type AttentionProps = { troubles: ReadonlySet<Target>; version: number; at: string | undefined; change: Change };

/** Attention is what somebody on call looks at first: what is wrong, where, why, since when and since which commit. */
function Attention({ troubles, version, at, change }: AttentionProps) {
  const shown = useMemo(() => gravest(troubles, attention), [troubles, version]);
  const more = troubles.size - shown.length;
  if (!shown.length) return <AllWell />;
  return (
    <section className="attention" aria-labelledby="attention">
      <h2 id="attention">Needs attention</h2>
      <ul>
        {shown.map((t) => (
          <li key={t.id}>
            <button type="button" className="attention-row" aria-current={at === t.id} onClick={() => change({ at: t.id })}>
              <Glyph state={t.state} />
              <span className="attention-name cut">
                <span className="sr">{word(t.state)}: </span>
                {address(t)}
              </span>
              <span className="attention-why cut">{t.why || word(t.state)}</span>
              <Commits t={t} />
              <Ago at={t.since} suffix="" className="dim attention-age" />
            </button>
          </li>
        ))}
      </ul>
      {more > 0 && (
        <button type="button" className="button plain small" onClick={() => change({ state: "failed,drifted,unknown" })}>
          and {plural(more, "more target")}
        </button>
      )}
    </section>
  );
}

/** AllWell is the calm case, with what came last: the first thing to look at when something begins to go wrong. */
function AllWell() {
  const newest = useQuery(changes({ limit: 1 })).data?.items[0];
  return (
    <p className="well">
      <Glyph state="ok" />
      <b>Nothing needs attention.</b>
      {newest && (
        <span className="dim cut">
          Last change: <Commit id={newest.id} repo={newest.repo} /> {newest.subject} · {person(newest.author)},{" "}
          <Ago at={newest.seen ?? newest.time} />
        </span>
      )}
    </p>
  );
}

function NoApps() {
  return (
    <Empty title="No apps yet" state="waiting" whole>
      <p>Connect a repository: each folder apps/NAME in it is an app, each envs/NAME in that an environment.</p>
      <Command text="plumb install --repo https://git.example.com/acme/fleet.git" />
      <p>If a Repo is there already, you may not have the right to list apps in its namespace; whoever runs this cluster can grant it.</p>
    </Empty>
  );
}
