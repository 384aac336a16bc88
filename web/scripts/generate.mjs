// Writes src/api/schema.d.ts from the API's own description. With --check it only tells whether the file is current.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const here = dirname(fileURLToPath(import.meta.url));
const document = join(here, "../../docs/reference/openapi.json");
const file = join(here, "../src/api/schema.d.ts");

const text = `// Written by npm run generate from docs/reference/openapi.json.\n${astToString(await openapiTS(pathToFileURL(document)))}`;
if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("src/api/schema.d.ts is not what docs/reference/openapi.json says; run: npm --prefix web run generate");
  process.exit(1);
}
