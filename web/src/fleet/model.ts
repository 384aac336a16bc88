import type { Fleet, Target } from "../live/fleet.ts";
import { bestOf } from "../shell/rank.ts";
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

/**
 * Line is an app: its targets by column (of a folded column several). It stays the same line while they change; its version counts
 * how often they did.
 */
export type Line = {
  kind: "line";
  key: string;
  app: string;
  namespace: string;
  repo: string;
  at: number; // which one it is in the lay's names
  cells: Target[][];
  counts: Counts;
  worst: State;
  changed: number;
  newest: Target;
  version: number;
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

/** Word is one of a search. */
type Word = {
  text: string;
  /** of each column: it is that of an environment or a cluster of this name */
  columns: boolean[];
  /** it may mean a target by what its column does not know: its cluster in a folded one, its commit, its app and environment */
  closer: boolean;
  /** it means nothing but the name of an app or a namespace */
  name: boolean;
};

function wordsOf(q: string, columns: Column[]): Word[] {
  const texts = q.toLowerCase().split(/\s+/).filter(Boolean);
  return texts.map((text) => {
    const named = columns.map((c) => c.env === text || (!c.folded && c.cluster.includes(text)));
    const folded = columns.some((c) => c.folded && c.clusters.some((k) => k.includes(text)));
    const closer = folded || commit.test(text) || text.includes("/");
    return { text, columns: named, closer, name: !closer && !named.includes(true) };
  });
}

/** commit is how one is written: in hex digits, at least four of them. */
const commit = /^[0-9a-f]{4}[0-9a-f]*$/;

/** isCloser tells whether a word means a target by what its column does not know. */
const isCloser = (w: string, t: Target): boolean =>
  t.cluster.includes(w) ||
  (commit.test(w) && (t.revision.startsWith(w.slice(0, 7)) || t.wanted.startsWith(w.slice(0, 7)))) ||
  (w.includes("/") && `${t.app}/${t.env}`.startsWith(w));

const none = (): Counts => ({ failed: 0, drifted: 0, rolling: 0, waiting: 0, paused: 0, ok: 0, unknown: 0 });

/** Scope is the part of a choice for which the matrix is laid out; what is typed and pressed chooses among its lines. */
export type Scope = Pick<Choice, "env" | "cluster" | "repo" | "namespace" | "sort">;

/**
 * Lay is the fleet laid out in lines, in their order. It is made once for a scope and its columns, and then follows the fleet
 * target by target: a change costs what it changes, a search one look at each line.
 */
export class Lay {
  /** relaid counts lines that were worked out anew, for tests. */
  relaid = 0;
  private lines: Line[] = [];
  private readonly byKey = new Map<string, Line>();
  private names = ""; // of all apps with their namespaces: a line of text each, to be searched in one go
  private readonly column = new Map<string, number>();
  private counts = none(); // of all lines
  private mark = 0;

  constructor(
    fleet: Fleet,
    private readonly columns: Column[],
    private readonly scope: Scope,
  ) {
    for (const [i, c] of columns.entries()) for (const cluster of c.clusters) this.column.set(`${c.env}@${cluster}`, i);
    this.load(fleet);
  }

  private load(fleet: Fleet) {
    this.byKey.clear();
    for (const t of fleet.targets) this.place(t);
    this.lines = [...this.byKey.values()];
    this.names = this.lines.map((l) => `${l.app} ${l.namespace}\n`).join("");
    this.counts = none();
    for (const l of this.lines) this.judge(l);
    this.lines.sort(comparers[this.scope.sort]);
    this.mark = fleet.mark;
  }

  /** follow takes in which targets changed since the last time. Where the set of them changed, a new one is to be made. */
  follow(fleet: Fleet) {
    const changed = fleet.since(this.mark);
    if (!changed) {
      this.load(fleet);
      return;
    }
    this.mark = fleet.mark;
    const lines = new Set<Line>();
    for (const t of changed) {
      const line = this.byKey.get(keyOf(t));
      const at = this.columnOf(t);
      if (!line || at === undefined) continue;
      line.cells[at] = line.cells[at]!.map((old) => (old.id === t.id ? t : old));
      lines.add(line);
    }
    this.relaid += lines.size;
    const before = comparers[this.scope.sort];
    const few = lines.size < this.lines.length / 50; // each is found and moved in the others' order; many are sorted with them
    for (const l of lines) {
      if (few) this.lines.splice(placeOf(this.lines, l, before), 1);
      add(this.counts, l.counts, -1);
      this.judge(l);
      l.version++;
      if (few) this.lines.splice(placeOf(this.lines, l, before), 0, l);
    }
    if (!few) this.lines.sort(before);
  }

  /** choose gives the lines of which a target is meant by every word, and by the states; then all their targets are shown. */
  choose(c: Pick<Choice, "q" | "state">): Matrix {
    if (!c.q.trim() && !c.state.length) return this.matrix(this.lines.slice(), { ...this.counts });
    const words = wordsOf(c.q, this.columns);
    const named = words.map((w) => linesWith(this.names, this.lines.length, w.text));
    const counts = none();
    const lines: Line[] = [];
    for (const l of this.lines) {
      let rest: Word[] | undefined;
      for (let i = 0; i < words.length; i++)
        if (!named[i]![l.at]) {
          rest ??= [];
          rest.push(words[i]!);
        }
      const found = rest ? meant(l, rest) : l.counts;
      if (!found) continue;
      add(counts, found, 1);
      if (!c.state.length || c.state.some((s) => found[s] > 0)) lines.push(l);
    }
    return this.matrix(lines, counts);
  }

  private matrix(lines: Line[], counts: Counts): Matrix {
    const total = states.reduce((n, s) => n + counts[s], 0);
    return { columns: this.columns, lines, counts, total, apps: lines.length };
  }

  /** judge works out what a line says of all its targets. */
  private judge(l: Line) {
    l.counts = none();
    l.newest = l.cells.find((cell) => cell.length)![0]!;
    l.worst = l.newest.state;
    for (const cell of l.cells)
      for (const t of cell) {
        l.counts[t.state]++;
        if (severity(t.state) < severity(l.worst)) l.worst = t.state;
        if (t.changed > l.newest.changed) l.newest = t;
      }
    l.changed = l.newest.changed;
    add(this.counts, l.counts, 1);
  }

  private columnOf(t: Target): number | undefined {
    const { repo, namespace, env, cluster } = this.scope;
    if ((repo && t.repo !== repo) || (namespace && t.namespace !== namespace)) return undefined;
    if ((env.length && !env.includes(t.env)) || (cluster.length && !cluster.includes(t.cluster))) return undefined;
    return this.column.get(`${t.env}@${t.cluster}`);
  }

  private place(t: Target) {
    const at = this.columnOf(t);
    if (at === undefined) return;
    const key = keyOf(t);
    let line = this.byKey.get(key);
    if (!line) {
      const cells = this.columns.map((): Target[] => []);
      const { app, namespace, repo } = t;
      const at = this.byKey.size;
      line = { kind: "line", key, app, namespace, repo, at, cells, counts: none(), worst: t.state, changed: 0, newest: t, version: 0 };
      this.byKey.set(key, line);
    }
    line.cells[at]!.push(t);
  }
}

const keyOf = (t: Target): string => `${t.namespace}/${t.app}`;

function add(sum: Counts, n: Counts, times: number) {
  for (const s of states) sum[s] += times * n[s];
}

/** linesWith marks of n lines of a text those in which something stands. */
function linesWith(text: string, n: number, what: string): Uint8Array {
  const marks = new Uint8Array(n);
  let line = 0;
  let end = text.indexOf("\n");
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, end)) {
    for (; end < at; line++) end = text.indexOf("\n", end + 1);
    marks[line] = 1;
  }
  return marks;
}

/** meant counts the targets of a line that words mean which are not in its names; undefined if there is none. */
function meant(l: Line, words: Word[]): Counts | undefined {
  if (words.some((w) => w.name)) return undefined;
  let counts: Counts | undefined;
  for (const [i, cell] of l.cells.entries())
    for (const t of cell)
      if (words.every((w) => w.columns[i] || (w.closer && isCloser(w.text, t)))) {
        counts ??= none();
        counts[t.state]++;
      }
  return counts;
}

const byName = (a: Line, b: Line) => (a.app < b.app ? -1 : a.app > b.app ? 1 : a.namespace < b.namespace ? -1 : 1);
const comparers: Record<Sort, (a: Line, b: Line) => number> = {
  name: byName,
  changed: (a, b) => b.changed - a.changed || byName(a, b),
  trouble: (a, b) => severity(a.worst) - severity(b.worst) || b.changed - a.changed || byName(a, b),
};

/** placeOf is where a line stands among lines in their order, or is to stand. No two lines are equal in any order. */
function placeOf(lines: Line[], l: Line, order: (a: Line, b: Line) => number): number {
  let from = 0;
  let to = lines.length;
  while (from < to) {
    const half = (from + to) >> 1;
    if (order(lines[half]!, l) < 0) from = half + 1;
    else to = half;
  }
  return from;
}

/** settle keeps lines where they are while somebody points at them: old ones in their order, new ones held back. */
export function settle(shown: readonly Line[], wanted: Line[], frozen: boolean): { lines: Line[]; held: number; moved: boolean } {
  if (!frozen || !shown.length) return { lines: wanted, held: 0, moved: false };
  const byKey = new Map(wanted.map((l) => [l.key, l]));
  const lines: Line[] = [];
  for (const { key } of shown) {
    const l = byKey.get(key);
    if (l) {
      lines.push(l);
      byKey.delete(key);
    }
  }
  const moved = lines.some((l, i) => wanted[i] !== l);
  return { lines, held: byKey.size, moved };
}

/** Head stands above the lines of a group. */
export type Head = { kind: "head"; key: string; title: string; n: number; worst: State };
/** Item is what stands at one height of the matrix. */
export type Item = Head | Line;

export function itemsOf(lines: Line[], group: Group): Item[] {
  if (group === "none") return lines;
  const of = (l: Line) => (group === "namespace" ? l.namespace : group === "repo" ? l.repo || "by hand" : l.worst);
  const by = new Map<string, Line[]>();
  for (const l of lines) {
    const list = by.get(of(l));
    if (list) list.push(l);
    else by.set(of(l), [l]);
  }
  const titles = [...by.keys()];
  if (group === "state") titles.sort((a, b) => states.indexOf(a as State) - states.indexOf(b as State));
  return titles.flatMap((title): Item[] => {
    const list = by.get(title)!;
    const worst = list.reduce<State>((w, l) => (severity(l.worst) < severity(w) ? l.worst : w), "ok");
    return [{ kind: "head", key: `head ${title}`, title, n: list.length, worst }, ...list];
  });
}

/** gravest gives the first n of what somebody has to look at: the newest of the gravest first. */
export const gravest = (troubles: Iterable<Target>, n: number): Target[] =>
  bestOf(troubles, n, (a, b) => severity(a.state) - severity(b.state) || b.since - a.since);
