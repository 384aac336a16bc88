/** rank tells how well a text answers a few typed letters: 0 is not at all. Words count in any order; beginnings count most. */
export function rank(q: string, text: string): number {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return 1;
  const t = text.toLowerCase();
  let sum = 0;
  for (const w of words) {
    const i = t.indexOf(w);
    if (i >= 0) {
      sum += i === 0 ? 100 : /[\s/@#-]/.test(t[i - 1]!) ? 60 : 30;
      continue;
    }
    if (!subsequence(w, t)) return 0;
    sum += 5;
  }
  return sum + 10 / (1 + t.length);
}

function subsequence(letters: string, text: string): boolean {
  let at = 0;
  for (const c of letters) {
    at = text.indexOf(c, at) + 1;
    if (!at) return false;
  }
  return true;
}
