import assert from "node:assert/strict";
import { test } from "node:test";
import { delay, pulseOf, quiet } from "./stream.ts";

test("the badge never says live of what may be old", () => {
  for (const [why, open, heard, lost, silent, now, want] of [
    ["an event came", true, 100, 0, "", 105, "live"],
    ["no beat for longer than two of them", true, 100, 0, "", 100 + quiet + 1, "behind"],
    ["the stream is open, but the agent itself is silent", true, 100, 0, "not heard for 3m", 101, "behind"],
    ["the stream broke", false, 100, 100, "", 110, "offline"],
    ["it broke this moment: a reconnect takes less", false, 100, 100, "", 101, "live"],
    ["it was never open yet", false, 0, 100, "", 101, "connecting"],
    ["and after a while that is said", false, 0, 100, "", 110, "offline"],
  ] as const)
    assert.equal(pulseOf(open, heard, lost, silent, now).state, want, why);
});

test("tries become rarer, and never rarer than four a minute", () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 50].map(delay);
  assert.deepEqual(all, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});
