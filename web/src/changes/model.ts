import type { Change } from "../api/types.ts";
import { plural, word } from "../words.ts";

/** changeWord is how an app stands at a commit, in words: the state words, and two that only history has. */
export const changeWord = (s: string): string => (s === "superseded" || s === "held" ? s : word(s));

/** glyphOf gives the drawing: a superseded commit is past, a held one waits. */
export const glyphOf = (s: string): string => ({ superseded: "unknown", held: "waiting" })[s] ?? s;

/** summaryOf says in a few words how far a commit has come. */
export function summaryOf(c: Pick<Change, "targets">): string {
  const n = (state: string) => c.targets.filter((t) => t.state === state).length;
  const all = c.targets.length;
  const parts = ["failed", "drifted", "rolling", "waiting", "held", "paused"].filter(n).map((s) => `${n(s)} ${changeWord(s)}`);
  if (parts.length) return `${n("ok")} of ${all} ok, ${parts.join(", ")}`;
  if (n("superseded") === all) return "superseded";
  return n("ok") === all ? `${plural(all, "target")} ok` : `${n("ok")} of ${all} ok, rest superseded`;
}
