/** rank tells how well a text answers a few typed letters: 0 is not at all. Words count in any order; beginnings count most. */
export const rank = (q: string, text: string): number => ranker(q)(text);

/** ranker is rank for many texts. */
export function ranker(q: string): (text: string) => number {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return () => 1;
  return (text) => {
    const t = text.toLowerCase();
    let sum = 0;
    for (const w of words) {
      const i = t.indexOf(w);
      if (i >= 0) sum += i === 0 ? 100 : /[\s/@#-]/.test(t[i - 1]!) ? 60 : 30;
      else if (subsequence(w, t)) sum += 5;
      else return 0;
    }
    return sum + 10 / (1 + t.length);
  };
}

/** bestOf gives the first n of those that an order puts before the others, without sorting all of them. */
export function bestOf<T>(all: Iterable<T>, n: number, before: (a: T, b: T) => number): T[] {
  const best: T[] = [];
  for (const x of all) {
    if (best.length === n && before(x, best[n - 1]!) >= 0) continue;
    let at = best.length;
    while (at > 0 && before(x, best[at - 1]!) < 0) at--;
    best.splice(at, 0, x);
    best.length = Math.min(best.length, n);
  }
  return best;
}

function subsequence(letters: string, text: string): boolean {
  let at = 0;
  for (const c of letters) {
    at = text.indexOf(c, at) + 1;
    if (!at) return false;
  }
  return true;
}
