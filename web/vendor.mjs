// Copies what browsers load of npm packages, with licences, to where the API serves it: `make web`.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const from = join(here, "node_modules");
const to = join(here, "..", "orchestrator", "api", "static", "vendor");

/** Modules by their new name, and as others import them: imports are rewritten, so that no bundler is needed. */
const MODULES = {
  "preact.js": ["preact", "preact/dist/preact.mjs"],
  "hooks.js": ["preact/hooks", "preact/hooks/dist/hooks.mjs"],
  "signals-core.js": ["@preact/signals-core", "@preact/signals-core/dist/signals-core.mjs"],
  "signals.js": ["@preact/signals", "@preact/signals/dist/signals.mjs"],
  "htm.js": ["htm", "htm/dist/htm.mjs"],
};
const FILES = {
  "swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
  "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
};
const LICENCES = {
  "preact.LICENSE.txt": "preact/LICENSE",
  "signals.LICENSE.txt": "@preact/signals/LICENSE",
  "signals-core.LICENSE.txt": "@preact/signals-core/LICENSE",
  "htm.LICENSE.txt": "htm/LICENSE",
  "swagger-ui.LICENSE.txt": "swagger-ui-dist/LICENSE",
  "swagger-ui.NOTICE.txt": "swagger-ui-dist/NOTICE",
  "swagger-ui-bundle.LICENSE.txt": "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
};

const names = Object.fromEntries(Object.entries(MODULES).map(([file, [name]]) => [name, file]));
const IMPORT = /((?:\bfrom|\bimport)\s*)(["'])([^"'./][^"']*)\2/g;
const SOURCE_MAP = /\n?\/[/*]# sourceMappingURL=.*/g;

function ours(text, file) {
  return text.replace(SOURCE_MAP, "").replace(IMPORT, (whole, word, quote, name) => {
    if (!names[name]) throw new Error(`${file} imports ${name}, which is not copied`);
    return `${word}${quote}./${names[name]}${quote}`;
  });
}

if (!existsSync(from)) throw new Error("there are no packages here: npm ci --ignore-scripts");
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
for (const [file, [, source]] of Object.entries(MODULES))
  writeFileSync(join(to, file), ours(readFileSync(join(from, source), "utf8"), file));
for (const [file, source] of Object.entries(FILES))
  writeFileSync(join(to, file), readFileSync(join(from, source), "utf8").replace(SOURCE_MAP, ""));
for (const [file, source] of Object.entries(LICENCES)) cpSync(join(from, source), join(to, file));
