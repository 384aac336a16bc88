import type { FleetSnapshot, Row } from "../api/types.ts";
import { asState, type State, states } from "../words.ts";

/** Target is one app in one environment on one cluster: a cell of the matrix. */
export type Target = {
  id: string;
  namespace: string;
  app: string;
  env: string;
  cluster: string;
  repo: string;
  state: State;
  revision: string;
  wanted: string; // another commit than the one that is applied; else empty
  since: number; // Unix seconds, 0 unknown
  changed: number;
  drifted: number;
  why: string;
};

const name = (app: string, env: string, cluster: string): string =>
  app + (env ? `-${env}` : "") + (cluster && cluster !== "local" ? `-${cluster}` : "");

/** targetsOf reads the columns of a snapshot. */
export function targetsOf(f: FleetSnapshot): Target[] {
  const at = Date.parse(f.at) / 1000;
  const before = (s: number | undefined) => (s === undefined || s < 0 ? 0 : at - s);
  const out = new Array<Target>(f.n);
  for (let i = 0; i < f.n; i++) {
    const app = f.apps[f.app[i]!] ?? "";
    const namespace = f.namespaces[f.namespace[i]!] ?? "";
    const env = f.envs[f.env[i]!] ?? "";
    const cluster = f.clusters[f.cluster[i]!] ?? "";
    const changed = before(f.changed[i]);
    out[i] = {
      id: `${namespace}/${f.name[i] || name(app, env, cluster)}`,
      namespace,
      app,
      env,
      cluster,
      repo: f.repos[f.repo[i]!] ?? "",
      state: asState(f.states[f.state[i]!]),
      revision: f.revisions[f.revision[i]!] ?? "",
      wanted: f.revisions[f.wanted[i]!] ?? "",
      since: f.since[i] === -2 ? changed : before(f.since[i]),
      changed,
      drifted: f.drifted[i] ?? 0,
      why: f.why[i] ?? "",
    };
  }
  return out;
}

/** targetOf reads a row of a delta. While the agent is silent its rows say unknown; the matrix keeps what was said last. */
export function targetOf(r: Row): Target {
  const state = asState(r.last || r.state);
  return {
    id: r.id,
    namespace: r.namespace,
    app: r.app,
    env: r.env,
    cluster: r.cluster,
    repo: r.repo,
    state,
    revision: r.revision.slice(0, 7),
    wanted: r.target === r.revision ? "" : r.target.slice(0, 7),
    since: r.since ? Date.parse(r.since) / 1000 : 0,
    changed: r.changed ? Date.parse(r.changed) / 1000 : 0,
    drifted: r.objects.drifted,
    why: state === "ok" ? "" : r.summary,
  };
}

/** shownRevision is the commit that a state is about: the wanted one while it rolls out or failed, else the applied one. */
export const shownRevision = (t: Pick<Target, "state" | "revision" | "wanted">): string =>
  t.state === "rolling" || t.state === "failed" ? t.wanted || t.revision : t.revision || t.wanted;

/** remembered is how many changes of targets are known one by one; who has missed more reads all of them. */
const remembered = 4096;

/**
 * Fleet is all targets that this person may see, kept true by deltas. Structure counts how often the set of targets changed,
 * version how often anything did: what is derived from them is made anew only when its counter moved, and since says of which
 * targets.
 */
export class Fleet {
  targets: Target[] = [];
  envs: string[] = [];
  clusters: string[] = [];
  /** how many targets are how, and how many have drifted */
  counts: Record<State, number> = { failed: 0, drifted: 0, rolling: 0, waiting: 0, paused: 0, ok: 0, unknown: 0 };
  drifted = 0;
  /** those that somebody has to look at */
  readonly troubles = new Set<Target>();
  version = 0;
  structure = 0;
  private index = new Map<string, number>();
  private journal: Target[] = []; // as each was after a change, the newest last
  private forgotten = 0; // how many there were before the first of them
  private listeners = new Set<() => void>();

  load(f: FleetSnapshot) {
    this.targets = targetsOf(f);
    this.envs = f.envs;
    this.clusters = f.clusters;
    this.index = new Map(this.targets.map((t, i) => [t.id, i]));
    for (const s of states) this.counts[s] = 0;
    this.drifted = 0;
    this.troubles.clear();
    for (const t of this.targets) this.count(t, 1);
    this.structure++;
    this.forget();
    this.tell();
  }

  /** mark is the moment now, for since. */
  get mark(): number {
    return this.forgotten + this.journal.length;
  }

  /** since gives the targets that changed since a mark, one as often as it did; undefined if that is not known any more. */
  since(mark: number): Target[] | undefined {
    return mark < this.forgotten ? undefined : this.journal.slice(mark - this.forgotten);
  }

  private forget() {
    this.forgotten += this.journal.length + 1;
    this.journal = [];
  }

  get(id: string): Target | undefined {
    const i = this.index.get(id);
    return i === undefined ? undefined : this.targets[i];
  }

  apply(rows: Row[], gone: string[]) {
    for (const row of rows) {
      const next = targetOf(row);
      const i = this.index.get(next.id);
      const old = i === undefined ? undefined : this.targets[i];
      if (old) this.count(old, -1);
      this.count(next, 1);
      if (i === undefined || !old || old.app !== next.app || old.env !== next.env || old.cluster !== next.cluster || old.repo !== next.repo)
        this.structure++;
      if (i === undefined) {
        this.index.set(next.id, this.targets.length);
        this.targets.push(next);
        if (!this.envs.includes(next.env)) this.envs = [...this.envs, next.env];
        if (!this.clusters.includes(next.cluster)) this.clusters = [...this.clusters, next.cluster];
      } else {
        this.targets[i] = next;
      }
      this.journal.push(next);
    }
    if (this.journal.length > remembered) this.forget();
    if (gone.length) {
      const away = new Set(gone);
      const kept = this.targets.filter((t) => !away.has(t.id));
      for (const t of this.targets) if (away.has(t.id)) this.count(t, -1);
      if (kept.length !== this.targets.length) {
        this.targets = kept;
        this.index = new Map(kept.map((t, i) => [t.id, i]));
        this.structure++;
      }
    }
    this.tell();
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private count(t: Target, by: number) {
    this.counts[t.state] += by;
    if (t.drifted > 0 || t.state === "drifted") this.drifted += by;
    if (t.state !== "failed" && t.state !== "drifted" && t.state !== "unknown") return;
    if (by > 0) this.troubles.add(t);
    else this.troubles.delete(t);
  }

  private tell() {
    this.version++;
    for (const l of this.listeners) l();
  }
}
