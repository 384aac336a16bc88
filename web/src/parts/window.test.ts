import assert from "node:assert/strict";
import { test } from "node:test";
import { windowOf } from "./window.ts";

test("what is in sight is drawn, with some above and below, in steps of eight", () => {
  for (const [count, scrolled, from, to, reason] of [
    [10_000, 0, 0, 41, "at the top: 25 in sight, 16 below"],
    [10_000, 36 * 7, 0, 41, "seven lines further nothing is drawn anew"],
    [10_000, 36 * 8, 0, 49, "the eighth brings eight more"],
    [10_000, 36 * 80, 72, 121, "eight stay above"],
    [10_000, 36 * 9975, 9960, 10_000, "the end"],
    [3, 0, 0, 3, "fewer than are in sight"],
    [0, 0, 0, 0, "none"],
    [5, 36 * 500, 0, 5, "a list that has become short is seen from its beginning"],
    [100, 36 * 500, 64, 100, "or its end"],
  ] as const)
    assert.deepEqual(windowOf(count, 36, { scrolled, height: 900, top: 0 }), { from, to }, reason);
  assert.deepEqual(windowOf(100, 36, { scrolled: 0, height: 900, top: 300 }), { from: 0, to: 25 }, "what stands above takes its place");
});
