import type { PlanApp, PlanObject } from "../api/types.ts";

/** pullState gives the glyph of a status. */
export const pullState = (status: string): string => ({ success: "ok", failure: "failed", pending: "waiting" })[status] ?? "unknown";
export const pullWord = (status: string): string =>
  ({ success: "may be merged", failure: "not to be merged", pending: "waiting" })[status] ?? status;

/** effect is what merging does: what the change does to the tip of the branch if that is something else than on its own. */
export const effect = (a: PlanApp): PlanObject[] => (a.differs ? (a.merged ?? []) : (a.change ?? []));

export function nameOf(o: PlanObject["object"]): string {
  if (typeof o === "string") return o;
  return [o.kind, o.namespace, o.name].filter(Boolean).join("/");
}

const texts: Record<string, string> = {
  "data-loss": "deletes data",
  contents: "deletes everything in it",
  rights: "widens rights",
  recreate: "is recreated",
  shrink: "shrinks a volume",
  selector: "selects other pods",
  downtime: "stops all its pods at once",
  autoscaler: "sets what an autoscaler sets",
  restart: "restarts pods",
  unchecked: "not all of it could be checked",
};
export const riskText = (risk: string): string => texts[risk] ?? risk;

// A rolling restart is what most changes do; it is said at the object, and is no reason to look twice.
const usual = new Set(["restart"]);

export function risksOf(a: PlanApp): { risk: string; object: string; note: string }[] {
  return effect(a).flatMap((o) =>
    (o.risks ?? []).filter((r) => !usual.has(r)).map((risk) => ({ risk, object: nameOf(o.object), note: o.notes?.[0] ?? "" })),
  );
}

/** tallies counts what happens to objects: "2 changed, 1 added". */
export function tallies(objects: PlanObject[]): string {
  const n = new Map<string, number>();
  for (const o of objects) n.set(o.change, (n.get(o.change) ?? 0) + 1);
  return [...n].map(([change, k]) => `${k} ${change}`).join(", ") || "nothing";
}

export const findingState = (f: { level: string; excused?: string }): string =>
  f.excused ? "ok" : ({ deny: "failed", approve: "waiting", warn: "drifted" }[f.level] ?? "unknown");
