// Writes what the server sends as /sdk/v1/: the module, minified, and its types. The first line tells what it is made of.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { transformSync } from "esbuild";

const target = process.argv[2] ?? new URL("../orchestrator/api/static/sdk/", import.meta.url).pathname;
const source = readFileSync(new URL("src/breakouts.js", import.meta.url), "utf8");
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const digest = createHash("sha256").update(source).digest("hex");
const banner = `// breakouts ${version}, Apache-2.0; made by \`make web\` from web/src/breakouts.js, sha256 ${digest}`;
const { code } = transformSync(source, { minify: true, format: "esm", target: "es2022", banner });
writeFileSync(`${target}/breakouts.js`, code);
copyFileSync(new URL("src/breakouts.d.ts", import.meta.url), `${target}/breakouts.d.ts`);
