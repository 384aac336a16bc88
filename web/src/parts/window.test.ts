import assert from "node:assert/strict";
import { test } from "node:test";
import { noSlots, slotsOf, windowOf } from "./window.ts";

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

test("a line keeps its row; one that comes takes the row of the line that stood there and is gone", () => {
  const first = slotsOf(noSlots, 0, ["a", "b", "c", "d"]);
  for (const [from, keys, slots, reason] of [
    [0, ["a", "b", "c", "d"], [0, 1, 2, 3], "nothing changed"],
    [0, ["b", "a", "c", "d"], [1, 0, 2, 3], "two have changed places"],
    [0, ["w", "x", "y", "z"], [0, 1, 2, 3], "a search: other lines in the same rows"],
    [0, ["x", "b"], [0, 1], "fewer"],
    [0, ["new", "a", "b", "c"], [4, 0, 1, 2], "one above: all others are what they were"],
    [2, ["c", "d", "e", "f"], [2, 3, 4, 5], "scrolled: what comes stands below what was there"],
  ] as const)
    assert.deepEqual(slotsOf(first, from, [...keys]).slots, slots, reason);
  const searched = slotsOf(first, 0, ["x", "c", "b", "y"]);
  assert.equal(new Set(searched.slots).size, 4, "no two lines have one row");
});
