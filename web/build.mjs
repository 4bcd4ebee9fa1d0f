// Writes what the server sends as /sdk/v1/: the module, in one piece and minified, and its types. Its first line tells
// what it is made of.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const target = process.argv[2] ?? here("../orchestrator/api/static/sdk");
const { version } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const digest = createHash("sha256");
for (const name of readdirSync(here("src")).sort()) digest.update(readFileSync(here(`src/${name}`)));
const madeOf = `made by \`npm run build\` in web/ of web/src, sha256 ${digest.digest("hex")}`;

buildSync({
  entryPoints: [here("src/breakouts.js")],
  outfile: `${target}/breakouts.js`,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  banner: { js: `// breakouts ${version}, Apache-2.0; ${madeOf}` },
});
copyFileSync(here("src/breakouts.d.ts"), `${target}/breakouts.d.ts`);
