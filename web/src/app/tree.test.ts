import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "../api/types.ts";
import { passes } from "./lines.ts";
import { placed } from "./tree.ts";
import { spans } from "./yaml.ts";

const node = (kind: string, name: string, parent = "", health = "Healthy"): Node => ({
  key: `${kind}/${name}`,
  parent,
  group: "",
  version: "v1",
  kind,
  namespace: "shop",
  name,
  health,
});
const view = (more = {}) => ({ tree: true, q: "", closed: new Set<string>(), idle: false, ...more });
const names = (r: { rows: { node: Node; level: number }[] }) => r.rows.map((x) => "  ".repeat(x.level) + x.node.name);
const nodes = [
  node("Service", "web"),
  node("Deployment", "web", "", "Degraded"),
  node("ReplicaSet", "web-old", "Deployment/web"),
  node("ReplicaSet", "web-new", "Deployment/web"),
  node("Pod", "web-new-1", "ReplicaSet/web-new", "Degraded"),
];

test("the tree has what is grave first, owners above what they made, and old ReplicaSets only on demand", () => {
  assert.deepEqual(names(placed(nodes, view())), ["web", "  web-new", "    web-new-1", "web"]);
  assert.equal(placed(nodes, view()).idle, 1);
  assert.ok(names(placed(nodes, view({ idle: true }))).includes("  web-old"));
});

test("what is found is shown below its owners", () => {
  assert.deepEqual(names(placed(nodes, view({ q: "pod" }))), ["web", "  web-new", "    web-new-1"]);
  assert.deepEqual(names(placed(nodes, view({ q: "pod", tree: false }))), ["web-new-1"]);
});

test("a folded object hides what is below it; owners in a circle end", () => {
  assert.deepEqual(names(placed(nodes, view({ closed: new Set(["Deployment/web"]) }))), ["web", "web"]);
  const circle = [node("A", "a", "B/b"), node("B", "b", "A/a"), node("C", "c")];
  assert.deepEqual(names(placed(circle, view())), ["c"]);
  assert.equal(placed(circle, view({ tree: false })).rows.length, 3, "the table shows them all");
});

test("nothing of a line of YAML is lost when it is drawn in colours", () => {
  for (const line of [
    "",
    "a: b",
    "  - name: web # why",
    "url: http://x/y#z",
    "- 3",
    '"a:b": "c: d"',
    "# note",
    "key:",
    "text: it's: odd",
    "\t<script>: &amp;",
    "a:b",
  ])
    assert.equal(
      spans(line)
        .map(([, text]) => text)
        .join(""),
      line,
    );
});

test("lines of a log pass when they have every word and none that is excluded", () => {
  const line = { pod: "web-1", container: "web", text: "GET /healthz 200" };
  assert.ok(passes(line, "get 200"));
  assert.ok(!passes(line, "get 500"));
  assert.ok(!passes(line, "get -healthz"));
  assert.ok(passes(line, "-"));
});
