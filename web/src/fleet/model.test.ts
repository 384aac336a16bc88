import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../api/types.ts";
import { Fleet, shownRevision, type Target } from "../live/fleet.ts";
import type { State } from "../words.ts";
import { type Choice, columnsOf, gravest, itemsOf, Lay, settle } from "./model.ts";

const target = (app: string, env: string, state: State = "ok", more: Partial<Target> = {}): Target => ({
  id: `ns/${app}-${env}`,
  namespace: "ns",
  app,
  env,
  cluster: "local",
  repo: "ns/fleet",
  state,
  revision: "9f31c2a",
  wanted: "",
  since: 100,
  changed: 100,
  drifted: 0,
  why: "",
  ...more,
});
const rowOf = (t: Target, more: Partial<Row> = {}): Row => ({
  id: t.id,
  namespace: t.namespace,
  name: t.id.slice(t.namespace.length + 1),
  app: t.app,
  env: t.env,
  cluster: t.cluster,
  repo: t.repo,
  path: "",
  state: t.state,
  summary: t.why,
  revision: t.revision,
  target: t.wanted || t.revision,
  health: "Healthy",
  held: 0,
  objects: { total: 1, changed: 0, drifted: 0, toDelete: 0 },
  changed: new Date(t.changed * 1000).toISOString(),
  ...more,
});
const choice = (c: Partial<Choice> = {}): Choice => ({
  q: "",
  state: [],
  env: [],
  cluster: [],
  repo: "",
  namespace: "",
  group: "none",
  sort: "trouble",
  ...c,
});
const envs = ["dev", "prod"];
const fleetOf = (targets: Target[]) => {
  const fleet = new Fleet();
  fleet.apply(
    targets.map((t) => rowOf(t)),
    [],
  );
  return fleet;
};
const lay = (targets: Target[], c: Partial<Choice> = {}, columns = columnsOf(targets, envs, ["local"], new Set())) =>
  new Lay(fleetOf(targets), columns, choice(c)).choose(choice(c));

test("trouble comes first, then what changed last, then the name", () => {
  const m = lay([
    target("a", "dev"),
    target("b", "dev", "ok", { changed: 200 }),
    target("c", "dev", "failed"),
    target("d", "prod", "rolling"),
    target("e", "prod", "unknown"),
  ]);
  assert.deepEqual(
    m.lines.map((l) => l.app),
    ["c", "e", "d", "b", "a"],
  );
});

test("an app is shown whole when one of its targets is chosen, and counters are of what the other choices leave", () => {
  const all = [target("a", "dev"), target("a", "prod", "failed"), target("b", "dev")];
  const m = lay(all, { state: ["failed"] });
  assert.deepEqual(
    m.lines.map((l) => l.cells.map((c) => c.map((t) => t.state))),
    [[["ok"], ["failed"]]],
  );
  assert.equal(m.counts.ok, 2, "the counter of ok does not go when failed is chosen");
  assert.equal(lay(all, { env: ["dev"] }).counts.failed, 0);
  assert.equal(lay(all, { q: "b" }).counts.failed, 0);
});

test("every word of a search must be found: in the app, the namespace, the environment, the cluster or the commit", () => {
  const t = target("cart-api", "prod", "rolling", { cluster: "eu-1", namespace: "shop", wanted: "beef123" });
  for (const [q, found] of [
    ["", true],
    ["cart", true],
    ["CART prod", true],
    ["cart dev", false],
    ["shop eu-1", true],
    ["9f31c2a", true],
    ["9f31c2a77b", true],
    ["beef123", true], // the cell shows the wanted one
    ["9f3", false], // too short to be meant as a commit
    ["cart-api/prod", true],
    ["cart-api/dev", false],
    ["cafe", false], // it might be a commit, but is none here
  ] as const)
    assert.equal(lay([t, target("other", "dev")], { q }, columnsOf([t], envs, ["eu-1"], new Set())).total > 0, found, q);
});

test("a cell shows the commit that its state is about, as the commands do", () => {
  for (const [state, revision, wanted, shown] of [
    ["failed", "9f31c2a", "beef123", "beef123"],
    ["rolling", "9f31c2a", "beef123", "beef123"],
    ["failed", "9f31c2a", "", "9f31c2a"], // it was applied, and is not well
    ["waiting", "9f31c2a", "beef123", "9f31c2a"],
    ["paused", "9f31c2a", "beef123", "9f31c2a"],
    ["waiting", "", "beef123", "beef123"], // none was applied yet
    ["waiting", "", "", ""],
  ] as const)
    assert.equal(shownRevision({ state, revision, wanted }), shown, `${state} ${revision} ${wanted}`);
});

test("a change costs what it changes: of 10,000 apps one line is worked out anew, and stands where it belongs", () => {
  const targets = Array.from({ length: 10_000 }, (_, i) =>
    envs.map((env) => target(`app-${i}`, env, "ok", { changed: 20_000 - i })),
  ).flat();
  const fleet = fleetOf(targets);
  const laid = new Lay(fleet, columnsOf(targets, envs, ["local"], new Set()), choice());
  const before = laid.choose(choice()).lines;
  fleet.apply([rowOf(targets[14_000]!, { state: "failed" }), rowOf(targets[14_001]!)], []);
  laid.follow(fleet);
  assert.equal(laid.relaid, 1);
  const { lines, counts } = laid.choose(choice());
  assert.deepEqual([lines[0]!.app, lines[0]!.worst, lines[0]!.version], ["app-7000", "failed", 1]);
  assert.deepEqual([counts.failed, counts.ok], [1, 19_999]);
  assert.equal(lines[1], before[0], "all others are the lines that they were");
  laid.follow(fleet);
  assert.equal(laid.relaid, 1, "nothing changed since");
});

test("what is followed change by change is what it is when it is laid out anew, in every order", () => {
  const all: State[] = ["failed", "drifted", "rolling", "waiting", "paused", "ok", "unknown"];
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  const targets = Array.from({ length: 400 }, (_, i) =>
    envs.map((env) => target(`app-${i}`, env, all[random(7)]!, { changed: random(50) })),
  ).flat();
  for (const sort of ["trouble", "name", "changed"] as const) {
    const fleet = fleetOf(targets);
    const columns = columnsOf(targets, envs, ["local"], new Set());
    const laid = new Lay(fleet, columns, choice({ sort }));
    for (const changes of [1, 3, 5, 300, 2]) {
      fleet.apply(
        Array.from({ length: changes }, () => rowOf({ ...targets[random(targets.length)]!, state: all[random(7)]!, changed: random(50) })),
        [],
      );
      laid.follow(fleet);
      const told = laid.choose(choice());
      const anew = new Lay(fleet, columns, choice({ sort })).choose(choice());
      assert.deepEqual(
        told.lines.map((l) => [l.app, l.worst, l.changed]),
        anew.lines.map((l) => [l.app, l.worst, l.changed]),
        `${changes} changes by ${sort}`,
      );
      assert.deepEqual(told.counts, anew.counts);
    }
  }
});

test("in a folded column a word finds the cluster of each of its targets", () => {
  const clusters = Array.from({ length: 13 }, (_, i) => `c${i}`);
  const targets = clusters.map((cluster) => target("a", "prod", "ok", { cluster, id: `ns/a-prod-${cluster}` }));
  const columns = columnsOf(targets, envs, clusters, new Set());
  for (const [q, total] of [
    ["c7", 1],
    ["c1", 4], // c1, c10, c11, c12
    ["prod", 13],
    ["prod c7", 1],
    ["dev", 0],
  ] as const)
    assert.equal(lay(targets, { q }, columns).total, total, q);
});

test("who has missed more changes than are remembered reads the whole fleet, and comes to the same", () => {
  const targets = Array.from({ length: 50 }, (_, i) => target(`app-${i}`, "dev"));
  const fleet = fleetOf(targets);
  const laid = new Lay(fleet, columnsOf(targets, envs, ["local"], new Set()), choice());
  for (let n = 0; n < 100; n++)
    fleet.apply(
      targets.map((t, i) => rowOf(t, { state: (n + i) % 3 ? "ok" : "rolling" })),
      [],
    );
  laid.follow(fleet);
  assert.equal(laid.relaid, 0, "none was followed one by one");
  assert.deepEqual(laid.choose(choice()).counts, lay(fleet.targets).counts);
});

test("environments with many clusters are folded beyond twelve columns, and one by one unfolded", () => {
  const clusters = Array.from({ length: 13 }, (_, i) => `c${i}`);
  const targets = [
    target("a", "dev"),
    ...clusters.map((cluster) => target("a", "prod", cluster === "c7" ? "failed" : "ok", { cluster, id: `ns/a-prod-${cluster}` })),
  ];
  const folded = columnsOf(targets, envs, ["local", ...clusters], new Set());
  assert.deepEqual(
    folded.map((c) => [c.env, c.folded, c.clusters.length]),
    [
      ["dev", false, 1],
      ["prod", true, 13],
    ],
  );
  assert.equal(lay(targets, {}, folded).lines[0]!.cells[1]!.length, 13);
  assert.equal(columnsOf(targets, envs, clusters, new Set(["prod"])).length, 14);
});

test("lines stay under the pointer: old ones keep their order, gone ones go, new ones wait", () => {
  const lines = (names: string[]) => lay(names.map((n, i) => target(n, "dev", "ok", { changed: 1000 - i }))).lines;
  const shown = lines(["a", "b", "c"]);
  const s = settle(shown, lines(["new", "c", "a"]), true);
  assert.deepEqual(
    s.lines.map((l) => l.app),
    ["a", "c"],
  );
  assert.equal(s.held, 1);
  assert.equal(s.moved, true);
  assert.equal(settle(shown, lines(["new", "c", "a"]), false).held, 0, "nobody points at them");
});

test("groups have their apps below them, and states come in their order", () => {
  const m = lay([target("a", "dev"), target("b", "dev", "failed")]);
  assert.deepEqual(
    itemsOf(m.lines, "state").map((i) => (i.kind === "head" ? i.title : i.app)),
    ["failed", "b", "ok", "a"],
  );
});

test("what needs attention is the gravest first, of it the newest; what is well again is not among it", () => {
  const all = [
    target("a", "dev", "drifted"),
    target("b", "dev", "failed"),
    target("c", "dev", "failed", { since: 300 }),
    target("d", "dev", "rolling"),
    target("e", "dev", "unknown"),
  ];
  const since = (t: Target) => rowOf(t, { since: new Date(t.since * 1000).toISOString() });
  const fleet = new Fleet();
  fleet.apply(all.map(since), []);
  const names = () => gravest(fleet.troubles, 3).map((t) => t.app);
  assert.deepEqual(names(), ["c", "b", "e"]);
  assert.equal(fleet.troubles.size, 4);
  fleet.apply([since({ ...all[2]!, state: "ok" }), since({ ...all[3]!, state: "failed", since: 200 })], [all[4]!.id]);
  assert.deepEqual(names(), ["d", "b", "a"]);
  assert.equal(fleet.troubles.size, 3);
});

test("a snapshot in columns and the deltas after it give the same as the rows", () => {
  const fleet = new Fleet();
  fleet.load({
    stream: "s",
    seq: 1,
    at: "2026-01-01T00:01:40Z",
    agent: {},
    apps: ["cart"],
    envs: ["dev", "prod"],
    clusters: ["local", "eu-1"],
    repos: ["ns/fleet"],
    namespaces: ["ns"],
    states: ["failed", "ok"],
    revisions: ["9f31c2a"],
    n: 2,
    app: [0, 0],
    name: ["", "odd"],
    namespace: [0, 0],
    env: [0, 1],
    cluster: [0, 1],
    repo: [0, -1],
    state: [1, 0],
    revision: [0, -1],
    wanted: [-1, 0],
    since: [-2, -1],
    changed: [10, 40],
    drifted: [0, 1],
    why: ["", "it is broken"],
  });
  assert.deepEqual(
    fleet.targets.map((t) => [t.id, t.state, t.revision, t.wanted, t.repo]),
    [
      ["ns/cart-dev", "ok", "9f31c2a", "", "ns/fleet"],
      ["ns/odd", "failed", "", "9f31c2a", ""],
    ],
  );
  const at = Date.parse("2026-01-01T00:01:40Z") / 1000;
  assert.equal(fleet.get("ns/cart-dev")!.since, at - 10, "-2 is when it changed");
  assert.equal(fleet.get("ns/odd")!.since, 0, "-1 is not known");
  const before = fleet.structure;
  const row = {
    id: "ns/cart-dev",
    namespace: "ns",
    name: "cart-dev",
    app: "cart",
    env: "dev",
    cluster: "local",
    repo: "ns/fleet",
    path: "",
    state: "failed" as const,
    summary: "no",
    revision: "aaaaaaaaaa",
    target: "",
    health: "Degraded" as const,
    held: 0,
    objects: { total: 1, changed: 0, drifted: 0, toDelete: 0 },
  };
  fleet.apply([row], []);
  assert.equal(fleet.get("ns/cart-dev")!.revision, "aaaaaaa");
  assert.equal(fleet.structure, before, "a change of state does not lay the matrix out anew");
  fleet.apply([], ["ns/odd"]);
  assert.equal(fleet.targets.length, 1);
  assert.equal(fleet.structure, before + 1);
});
