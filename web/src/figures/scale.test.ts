import assert from "node:assert/strict";
import { test } from "node:test";
import { ceilNice, countTicks, linePath } from "./scale.ts";

test("an axis ends at a round number that holds all values", () => {
  for (const [n, want] of [
    [1, 1],
    [1.1, 2],
    [3, 4],
    [4.1, 5],
    [7, 10],
    [41, 50],
  ] as const)
    assert.equal(ceilNice(n), want);
});

test("what is counted has no half", () => {
  assert.deepEqual(countTicks(1), [0, 1]);
  assert.deepEqual(countTicks(5), [0, 5]);
  assert.deepEqual(countTicks(4), [0, 2, 4]);
});

test("a line is broken where a day has no value", () => {
  const id = (n: number) => n;
  assert.equal(linePath([1, undefined, 3, 4], id, id), "M0.0 1.0M2.0 3.0L3.0 4.0");
});
