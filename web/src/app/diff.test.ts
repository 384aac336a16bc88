import assert from "node:assert/strict";
import { test } from "node:test";
import { compared, unified } from "./diff.ts";

const drawn = (git: string, live: string, added = false): string =>
  unified(git, live, added)
    .map((l) => (l.kind === "fold" ? `~${l.only} ${l.count}` : `${{ same: " ", git: "+", live: "-" }[l.kind]}${l.text}`))
    .join("|");

test("a difference has what Git says, what is live, and a little around it", () => {
  for (const [reason, git, live, want] of [
    ["the same", "a: 1\nb: 2\n", "a: 1\nb: 2\n", "~same 2"],
    ["a value", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: 9\nc: 3\n", " a: 1|-b: 9|+b: 2| c: 3"],
    ["what is gone", "a: 1\nb: 2\n", "a: 1\n", " a: 1|+b: 2"],
    ["what only the cluster has is left out", "a: 1\n", "a: 1\nstatus:\n  x: 1\n", " a: 1|~live 2"],
    ["Git does not have it", "", "a: 1\n", "~live 1"],
    ["it is not live", "a: 1\n", "", "+a: 1"],
    ["far away", "1\n2\n3\n4\n5\n6\nx\n", "1\n2\n3\n4\n5\n6\ny\n", "~same 3| 4| 5| 6|-y|+x"],
  ] as const)
    assert.equal(drawn(git, live), want, reason);
  assert.equal(drawn("a: 1\n", "a: 1\nstatus:\n  x: 1\n", true), " a: 1|-status:|-  x: 1", "unless it is asked for");
});

test("both texts are in a difference, in their order, whatever they are", () => {
  const words = ["a", "b", "c", "a"];
  for (let n = 0; n < 400; n++) {
    const pick = (seed: number) => Array.from({ length: (n + seed) % 7 }, (_, i) => words[(n * (i + seed) + i) % words.length]!);
    const [git, live] = [pick(1), pick(4)];
    const all = compared(git, live);
    assert.deepEqual(
      all.filter((l) => l.kind !== "live").map((l) => l.text),
      git,
    );
    assert.deepEqual(
      all.filter((l) => l.kind !== "git").map((l) => l.text),
      live,
    );
  }
});

test("two long texts that have nothing in common are compared at once", () => {
  const long = (c: string) => Array.from({ length: 5000 }, (_, i) => c + i);
  assert.equal(compared(long("a"), long("b")).length, 10_000);
});
