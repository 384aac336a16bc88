// After the build: compresses what the agent serves, moves it to where the binary embeds it, and holds the page to its budgets.
// Sizes are gzip bytes, as they go over the wire.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const budgets = { first: 160_000, all: 300_000, css: 16_000 };

const here = dirname(fileURLToPath(import.meta.url));
const from = join(here, "../node_modules/.plumb-page");
const to = join(here, "../../internal/server/web");
const assets = join(to, "assets");

const manifest = JSON.parse(readFileSync(join(from, "manifest.json"), "utf8"));
const size = new Map();
rmSync(assets, { recursive: true, force: true });
rmSync(join(to, "index.html"), { force: true });
mkdirSync(assets, { recursive: true });
for (const name of readdirSync(join(from, "assets"))) {
  const data = readFileSync(join(from, "assets", name));
  writeFileSync(join(assets, name), data);
  const packed = gzipSync(data, { level: 9 });
  size.set(`assets/${name}`, packed.length);
  if (packed.length < data.length) writeFileSync(join(assets, `${name}.gz`), packed);
}
writeFileSync(join(to, "index.html"), readFileSync(join(from, "index.html")));

/** chunks gives a chunk and what it cannot start without. */
function chunks(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const other of manifest[key].imports ?? []) chunks(other, seen);
  return seen;
}
const sum = (files) => files.reduce((n, f) => n + size.get(f), 0);
const entry = Object.keys(manifest).find((k) => manifest[k].isEntry);
const first = sum([...chunks(entry)].map((k) => manifest[k].file).filter((f) => f.endsWith(".js")));
const all = sum([...size.keys()].filter((f) => f.endsWith(".js")));
const css = sum([...size.keys()].filter((f) => f.endsWith(".css")));

let over = false;
for (const [what, bytes, most] of [
  ["JavaScript of the first route", first, budgets.first],
  ["JavaScript in all", all, budgets.all],
  ["CSS", css, budgets.css],
]) {
  over ||= bytes > most;
  console.log(`${bytes > most ? "OVER" : "ok"}  ${what}: ${(bytes / 1000).toFixed(1)} kB of ${most / 1000} kB, compressed`);
}
if (over) {
  console.error("The page is larger than its budget: load a part later, or leave something out.");
  process.exit(1);
}
