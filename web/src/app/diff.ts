/** A line of a difference: in both, in Git only, in the cluster only, or so many lines that are left out. */
export type DiffLine = { kind: "same" | "git" | "live"; text: string } | { kind: "fold"; count: number; only: "same" | "live" };

/** most is how many pairs of lines are compared; of two texts that differ more, all lines are told as different. */
const most = 4_000_000;
const context = 3;

type Told = { kind: "same" | "git" | "live"; text: string };

/** compared compares two texts line by line, with the least lines that differ. */
export function compared(git: string[], live: string[]): Told[] {
  let head = 0;
  while (head < git.length && head < live.length && git[head] === live[head]) head++;
  let tail = 0;
  while (tail < git.length - head && tail < live.length - head && git[git.length - 1 - tail] === live[live.length - 1 - tail]) tail++;
  const a = git.slice(head, git.length - tail);
  const b = live.slice(head, live.length - tail);
  const same = (text: string) => ({ kind: "same" as const, text });
  const middle = a.length * b.length > most ? apart(a, b) : shortest(a, b);
  return [...git.slice(0, head).map(same), ...middle, ...git.slice(git.length - tail).map(same)];
}

const apart = (a: string[], b: string[]): Told[] => [
  ...a.map((text) => ({ kind: "git" as const, text })),
  ...b.map((text) => ({ kind: "live" as const, text })),
];

/** shortest finds the longest common lines: what is kept of both. */
function shortest(a: string[], b: string[]): Told[] {
  const width = b.length + 1;
  const kept = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      kept[i * width + j] =
        a[i] === b[j] ? kept[(i + 1) * width + j + 1]! + 1 : Math.max(kept[(i + 1) * width + j]!, kept[i * width + j + 1]!);
  const out: Told[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push({ kind: "same", text: a[i]! });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && kept[(i + 1) * width + j]! >= kept[i * width + j + 1]!)) {
      out.push({ kind: "git", text: a[i++]! });
    } else {
      out.push({ kind: "live", text: b[j++]! });
    }
  }
  return out;
}

/**
 * unified is a difference as it is read: what differs with three lines around it. Unless it is asked for, what only the cluster has is
 * left out where it takes nothing of Git's place: the status, defaults, and what controllers add.
 */
export function unified(git: string, live: string, added: boolean): DiffLine[] {
  const lines = (text: string) => (text ? text.replace(/\n$/, "").split("\n") : []);
  const all = compared(lines(git), lines(live));
  const out: DiffLine[] = [];
  for (let i = 0; i < all.length; ) {
    const kind = all[i]!.kind;
    let end = i;
    while (end < all.length && (kind === "same" ? all[end]!.kind === "same" : all[end]!.kind !== "same")) end++;
    const run = all.slice(i, end);
    const first = i === 0;
    const last = end === all.length;
    i = end;
    if (kind !== "same") {
      const of = (kind: Told["kind"]) => run.filter((l) => l.kind === kind);
      if (added || of("git").length) out.push(...of("live"), ...of("git"));
      else out.push({ kind: "fold", count: run.length, only: "live" });
      continue;
    }
    const before = first ? 0 : context;
    const after = last ? 0 : context;
    if (run.length <= before + after + 1) {
      out.push(...run);
      continue;
    }
    out.push(...run.slice(0, before), { kind: "fold", count: run.length - before - after, only: "same" }, ...run.slice(run.length - after));
  }
  return out;
}
