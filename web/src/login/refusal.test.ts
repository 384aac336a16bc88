import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "./refusal.ts";

test("an address cannot put words into the page's mouth", () => {
  for (const word of ["", "Call 555-0100 to unlock your account", "constructor", "toString", "__proto__"])
    assert.equal(refusal(word), "Nobody was signed in. Try again.", word);
});

test("each way in that the agent refuses has its sentence", () => {
  for (const word of ["code", "link", "cookies", "provider", "oidc"]) assert.notEqual(refusal(word), refusal(""), word);
});
