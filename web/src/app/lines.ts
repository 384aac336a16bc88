import type { LogLine } from "../api/types.ts";

/** most is how many lines a view keeps; older ones go. */
export const most = 10_000;

export function keep(old: LogLine[], fresh: LogLine[]): LogLine[] {
  const all = old.concat(fresh);
  return all.length > most ? all.slice(all.length - most) : all;
}

/** passes tells whether a line has every word; a word after "-" must not be in it. */
export function passes(line: LogLine, q: string): boolean {
  const text = line.text.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .filter((w) => w && w !== "-")
    .every((w) => (w.length > 1 && w.startsWith("-") ? !text.includes(w.slice(1)) : text.includes(w)));
}
