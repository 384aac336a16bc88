/** ceilNice gives the next round number: 1, 2, 4, 5, 10, 20, 40, 50, … */
export function ceilNice(n: number): number {
  const ten = 10 ** Math.floor(Math.log10(n));
  for (const m of [1, 2, 4, 5, 10]) if (n <= m * ten * (1 + 1e-9)) return m * ten;
  return 10 * ten;
}

/** countTicks gives the numbers at an axis of things that are counted: there is no half of one. */
export function countTicks(max: number): number[] {
  return max % 2 === 0 ? [0, max / 2, max] : [0, max];
}

/** linePath draws a line through what is known; where a value is missing the line is broken. */
export function linePath(values: (number | undefined)[], x: (i: number) => number, y: (v: number) => number): string {
  let path = "";
  let broken = true;
  for (const [i, v] of values.entries()) {
    if (v === undefined) {
      broken = true;
      continue;
    }
    path += `${broken ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    broken = false;
  }
  return path;
}
