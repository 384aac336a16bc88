import type { Node } from "../api/types.ts";

// The order in which objects are listed, as a table and as a tree. Pure.

export type Placed = { node: Node; level: number; children: number; open: boolean };

const gravity: Record<string, number> = { Degraded: 0, Missing: 1, Unknown: 2, Progressing: 3, Suspended: 4, Healthy: 5 };
const grave = (n: Node): number => (gravity[n.health] ?? 5) * 2 - (n.drifted ? 1 : 0);

/** stateOfHealth gives the glyph for an object's health. */
export function stateOfHealth(n: { health: string; drifted?: boolean }): string {
  if (n.drifted) return "drifted";
  return { Healthy: "ok", Progressing: "rolling", Degraded: "failed", Missing: "failed", Suspended: "paused" }[n.health] ?? "unknown";
}

export type View = { tree: boolean; q: string; closed: ReadonlySet<string>; idle: boolean };

/** isIdle tells an old ReplicaSet: it has no pods any more. */
const isIdle = (n: Node, byParent: Map<string, Node[]>): boolean => n.kind === "ReplicaSet" && !!n.parent && !byParent.get(n.key)?.length;

/** placed lays nodes out. In the table trouble comes first; in the tree whatever is found stands below its owners. */
export function placed(nodes: Node[], view: View): { rows: Placed[]; idle: number } {
  const known = new Set(nodes.map((n) => n.key));
  const byParent = new Map<string, Node[]>();
  const roots: Node[] = [];
  for (const n of nodes) {
    if (n.parent && known.has(n.parent) && n.parent !== n.key) {
      const list = byParent.get(n.parent);
      if (list) list.push(n);
      else byParent.set(n.parent, [n]);
    } else roots.push(n);
  }
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (n: Node) => {
    const text = `${n.kind} ${n.namespace}/${n.name} ${n.health} ${n.drifted ? "drifted" : ""} ${n.message ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  };
  let idle = 0;
  const hide = (n: Node): boolean => {
    if (!isIdle(n, byParent)) return false;
    idle++;
    return !view.idle;
  };
  if (!view.tree) {
    const rows = nodes.filter((n) => !hide(n) && matches(n)).sort((a, b) => grave(a) - grave(b) || nameOrder(a, b));
    return { rows: rows.map((node) => ({ node, level: 0, children: 0, open: false })), idle };
  }
  const out: Placed[] = [];
  const walked = new Set<string>();
  const walk = (n: Node, level: number): boolean => {
    if (walked.has(n.key) || hide(n)) return false;
    walked.add(n.key);
    const at = out.length;
    const children = byParent.get(n.key) ?? [];
    const open = words.length > 0 || !view.closed.has(n.key);
    out.push({ node: n, level, children: children.length, open });
    let found = matches(n);
    if (open) for (const c of children.sort(nameOrder)) found = walk(c, level + 1) || found;
    if (!found) out.length = at;
    return found;
  };
  for (const n of roots.sort((a, b) => grave(a) - grave(b) || nameOrder(a, b))) walk(n, 0);
  return { rows: out, idle };
}

const nameOrder = (a: Node, b: Node): number =>
  a.kind.localeCompare(b.kind) || a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);
