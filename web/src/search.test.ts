import assert from "node:assert/strict";
import { test } from "node:test";
import { ceilNice, linePath } from "./figures/scale.ts";
import { parseSearch, stringifySearch, toggled } from "./search.ts";
import { bestOf, rank } from "./shell/rank.ts";

test("an address says again what it was made of", () => {
  for (const search of [{ q: "a b&c=d", state: "failed,drifted" }, { at: "plumb-system/web-dev" }, { q: "1e3" }, { q: '"' }, {}])
    assert.deepEqual(parseSearch(stringifySearch(search)), search);
  assert.equal(stringifySearch({ state: "failed,drifted", at: "a/b", q: "" }), "?state=failed,drifted&at=a/b");
  assert.equal(toggled(["a", "b"], "a"), "b");
  assert.equal(toggled([], "a"), "a");
});

test("beginnings are found before middles, and letters in their order last", () => {
  assert.ok(rank("cart", "cart/prod") > rank("cart", "big-cart/prod"));
  assert.ok(rank("cart", "big-cart/prod") > rank("cart", "bigcart"));
  assert.ok(rank("cpr", "cart/prod") > 0);
  assert.equal(rank("xyz", "cart"), 0);
  assert.ok(rank("prod cart", "cart/prod") > 0, "in any order");
});

test("charts end at round numbers, and lines are broken where nothing is known", () => {
  for (const [n, want] of [
    [1, 1],
    [3, 4],
    [41, 50],
    [0.7, 1],
    [99, 100],
  ] as const)
    assert.equal(ceilNice(n), want);
  const same = (n: number) => n;
  assert.equal(linePath([1, 2, undefined, 4], same, same), "M0.0 1.0L1.0 2.0M3.0 4.0");
  assert.equal(linePath([undefined], same, same), "");
});

test("of many the best few are found in their order, and of equals those that came first", () => {
  const all = Array.from({ length: 500 }, (_, i) => ({ i, r: (i * 7919) % 97 }));
  const before = (a: { r: number }, b: { r: number }) => b.r - a.r;
  for (const n of [1, 5, 499, 500, 600]) assert.deepEqual(bestOf(all, n, before), [...all].sort(before).slice(0, n));
  assert.deepEqual(bestOf([], 3, before), []);
});
