// Writes what the server sends as /sdk/v1/: the modules, each in one piece and minified, and their types. The first line
// of a module tells what it is made of.
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

for (const name of ["breakouts", "breakouts-status"]) {
  buildSync({
    entryPoints: [here(`src/${name}.js`)],
    outfile: `${target}/${name}.js`,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    banner: { js: `// breakouts ${version}, Apache-2.0; ${madeOf}` },
  });
  copyFileSync(here(`src/${name}.d.ts`), `${target}/${name}.d.ts`);
}
