import assert from "node:assert/strict";
import { test } from "node:test";
import { address, age, person, place, safeLink, severity, span, states, stepOf, valueText } from "./words.ts";

test("ages and durations are as short as they may be without a lie", () => {
  for (const [seconds, want] of [
    [0, "0s"],
    [59.4, "59s"],
    [60, "1m"],
    [3599, "59m"],
    [3600, "1h"],
    [47 * 3600, "47h"],
    [49 * 3600, "2d"],
    [-5, "0s"],
  ] as const)
    assert.equal(age(seconds), want);
  for (const [seconds, want] of [
    [0.82, "0.8s"],
    [1, "1s"],
    [49.4, "49s"],
    [130, "2m 10s"],
    [120, "2m"],
    [3900, "1h 5m"],
    [47 * 3600, "47h"],
    [249 * 3600 + 2400, "10d 9h"],
    [48 * 3600, "2d"],
    [3600, "1h"],
  ] as const)
    assert.equal(span(seconds), want);
});

test("an address is what the command takes, and never names the cluster that the agent runs in", () => {
  assert.equal(address({ app: "cart" }), "cart");
  assert.equal(address({ app: "cart", env: "prod", cluster: "local" }), "cart/prod");
  assert.equal(address({ app: "cart", env: "prod", cluster: "eu-1" }), "cart/prod@eu-1");
  assert.equal(place({ env: "prod", cluster: "eu-1" }), "prod · eu-1");
  assert.equal(place({}), "this cluster");
});

test("only http and https become links", () => {
  for (const bad of ["javascript:alert(1)", "data:text/html,x", " https://x", "//evil", "", undefined])
    assert.equal(safeLink(bad), undefined);
  assert.equal(safeLink("https://git.example.com/x"), "https://git.example.com/x");
});

test("trouble has the order of the state words, and what nobody knows stands beside failed", () => {
  const order = [...states].sort((a, b) => severity(a) - severity(b));
  assert.deepEqual(order, ["failed", "unknown", "drifted", "rolling", "waiting", "paused", "ok"]);
});

test("people are named without their address, values as they stand in a manifest", () => {
  assert.equal(person("Lena <lena@acme.io>"), "Lena");
  assert.equal(person("<lena@acme.io>"), "<lena@acme.io>");
  assert.equal(valueText("3"), "3");
  assert.equal(valueText(3), "3");
  assert.equal(valueText({ a: 1 }), '{\n "a": 1\n}');
});

test("of a next step only what can be typed is offered to copy", () => {
  for (const [text, command, rest] of [
    ["kubectl -n web-dev describe pod web-1", "kubectl -n web-dev describe pod web-1", ""],
    [
      "kubectl -n a logs b -c c --previous; or back to abf1738: plumb rollback a/dev",
      "kubectl -n a logs b -c c --previous",
      "or back to abf1738: plumb rollback a/dev",
    ],
    [
      "kubectl -n a create serviceaccount b && kubectl -n c create rolebinding b",
      "kubectl -n a create serviceaccount b && kubectl -n c create rolebinding b",
      "",
    ],
    [
      "plumb render web/dev shows the same in your clone; then commit the correction",
      "plumb render web/dev",
      "shows the same in your clone; then commit the correction",
    ],
    ["plumb sync web/dev tries again now", "plumb sync web/dev", "tries again now"],
    ["put the Namespace into Git", "", "put the Namespace into Git"],
  ] as const)
    assert.deepEqual(stepOf(text), { command, rest }, text);
});
