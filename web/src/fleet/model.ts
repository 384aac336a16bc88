import type { Target } from "../live/fleet.ts";
import { type State, severity, states } from "../words.ts";

// What the matrix shows, from what is known and what was chosen. Pure: no clock, no page.

/** Choice is what the address of the page says. */
export type Choice = {
  q: string;
  state: State[];
  env: string[];
  cluster: string[];
  repo: string;
  namespace: string;
  group: Group;
  sort: Sort;
};
export const groups = ["none", "namespace", "repo", "state"] as const;
export type Group = (typeof groups)[number];
export const sorts = ["trouble", "name", "changed"] as const;
export type Sort = (typeof sorts)[number];

/** Column is an environment on a cluster, or a whole environment where there are too many clusters to stand beside each other. */
export type Column = { key: string; env: string; cluster: string; folded: boolean; clusters: string[] };

/** Line is an app: its targets by column (of a folded column several). */
export type Line = {
  key: string;
  app: string;
  namespace: string;
  repo: string;
  cells: Target[][];
  worst: State;
  changed: number;
  newest: Target;
};

export type Counts = Record<State, number>;

export type Matrix = {
  columns: Column[];
  lines: Line[];
  counts: Counts; // of what every other choice leaves
  total: number; // targets
  apps: number;
};

/** most is how many columns stand beside each other; of more, environments with several clusters are folded. */
export const most = 12;

export function columnsOf(targets: Target[], envs: string[], clusters: string[], unfolded: ReadonlySet<string>): Column[] {
  const byEnv = new Map<string, Set<string>>();
  for (const t of targets) {
    let set = byEnv.get(t.env);
    if (!set) {
      set = new Set();
      byEnv.set(t.env, set);
    }
    set.add(t.cluster);
  }
  const rank = (list: string[], v: string) => {
    const i = list.indexOf(v);
    return i < 0 ? list.length : i;
  };
  const order = [...byEnv.keys()].sort((a, b) => rank(envs, a) - rank(envs, b));
  const all = order.reduce((n, env) => n + byEnv.get(env)!.size, 0);
  return order.flatMap((env): Column[] => {
    const list = [...byEnv.get(env)!].sort((a, b) => rank(clusters, a) - rank(clusters, b));
    if (all > most && list.length > 1 && !unfolded.has(env)) return [{ key: env, env, cluster: "", folded: true, clusters: list }];
    return list.map((cluster) => ({ key: `${env}@${cluster}`, env, cluster, folded: false, clusters: [cluster] }));
  });
}

/** matcher tells whether a target is meant by words: each must be in its app, namespace, environment, cluster or commit. */
export function matcher(q: string): (t: Target) => boolean {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return () => true;
  return (t) =>
    words.every(
      (w) =>
        t.app.includes(w) ||
        t.namespace.includes(w) ||
        t.env === w ||
        t.cluster.includes(w) ||
        (w.length >= 4 && t.revision.startsWith(w.slice(0, 7))) ||
        (w.includes("/") && `${t.app}/${t.env}`.startsWith(w)),
    );
}

const none = (): Counts => ({ failed: 0, drifted: 0, rolling: 0, waiting: 0, paused: 0, ok: 0, unknown: 0 });

/** matrixOf lays the fleet out: an app is a line if one of its targets is chosen, and then all its targets are shown. */
export function matrixOf(targets: Target[], columns: Column[], c: Choice): Matrix {
  const at = new Map<string, number>();
  for (const [i, col] of columns.entries()) for (const cluster of col.clusters) at.set(`${col.env}@${cluster}`, i);
  const matches = matcher(c.q);
  const counts = none();
  const byApp = new Map<string, Line & { chosen: boolean }>();
  let total = 0;
  for (const t of targets) {
    if (c.repo && t.repo !== c.repo) continue;
    if (c.namespace && t.namespace !== c.namespace) continue;
    if (c.env.length && !c.env.includes(t.env)) continue;
    if (c.cluster.length && !c.cluster.includes(t.cluster)) continue;
    const col = at.get(`${t.env}@${t.cluster}`);
    if (col === undefined) continue;
    const key = `${t.namespace}/${t.app}`;
    let line = byApp.get(key);
    if (!line) {
      line = {
        key,
        app: t.app,
        namespace: t.namespace,
        repo: t.repo,
        cells: columns.map(() => []),
        worst: t.state,
        changed: 0,
        newest: t,
        chosen: false,
      };
      byApp.set(key, line);
    }
    line.cells[col]!.push(t);
    if (severity(t.state) < severity(line.worst)) line.worst = t.state;
    if (t.changed > line.changed) {
      line.changed = t.changed;
      line.newest = t;
    }
    if (matches(t)) {
      counts[t.state]++;
      total++;
      if (!c.state.length || c.state.includes(t.state)) line.chosen = true;
    }
  }
  const lines = [...byApp.values()].filter((l) => l.chosen).sort(comparers[c.sort]);
  return { columns, lines, counts, total, apps: lines.length };
}

const byName = (a: Line, b: Line) => (a.app < b.app ? -1 : a.app > b.app ? 1 : a.namespace < b.namespace ? -1 : 1);
const comparers: Record<Sort, (a: Line, b: Line) => number> = {
  name: byName,
  changed: (a, b) => b.changed - a.changed || byName(a, b),
  trouble: (a, b) => severity(a.worst) - severity(b.worst) || b.changed - a.changed || byName(a, b),
};

/** settle keeps lines where they are while somebody points at them: old ones in their order, new ones held back. */
export function settle(shown: readonly string[], wanted: Line[], frozen: boolean): { lines: Line[]; held: number; moved: boolean } {
  if (!frozen || !shown.length) return { lines: wanted, held: 0, moved: false };
  const byKey = new Map(wanted.map((l) => [l.key, l]));
  const lines: Line[] = [];
  for (const key of shown) {
    const l = byKey.get(key);
    if (l) {
      lines.push(l);
      byKey.delete(key);
    }
  }
  const moved = lines.some((l, i) => wanted[i]?.key !== l.key);
  return { lines, held: byKey.size, moved };
}

/** Item is what stands at one height of the matrix: the head of a group, or an app. */
export type Item = { kind: "head"; key: string; title: string; n: number; worst: State } | { kind: "line"; key: string; line: Line };

export function itemsOf(lines: Line[], group: Group): Item[] {
  if (group === "none") return lines.map((line) => ({ kind: "line", key: line.key, line }));
  const of = (l: Line) => (group === "namespace" ? l.namespace : group === "repo" ? l.repo || "by hand" : l.worst);
  const by = new Map<string, Line[]>();
  for (const l of lines) {
    const list = by.get(of(l));
    if (list) list.push(l);
    else by.set(of(l), [l]);
  }
  const titles = [...by.keys()];
  if (group === "state") titles.sort((a, b) => states.indexOf(a as State) - states.indexOf(b as State));
  return titles.flatMap((title) => {
    const list = by.get(title)!;
    const worst = list.reduce<State>((w, l) => (severity(l.worst) < severity(w) ? l.worst : w), "ok");
    return [
      { kind: "head" as const, key: `head ${title}`, title, n: list.length, worst },
      ...list.map((line) => ({ kind: "line" as const, key: line.key, line })),
    ];
  });
}

/** troublesOf gives what somebody has to look at, the newest of the gravest first. */
export function troublesOf(targets: Target[], n: number): { shown: Target[]; more: number } {
  const bad = targets.filter((t) => t.state === "failed" || t.state === "drifted" || t.state === "unknown");
  bad.sort((a, b) => severity(a.state) - severity(b.state) || b.since - a.since);
  return { shown: bad.slice(0, n), more: Math.max(0, bad.length - n) };
}
