// Compiles the app ahead of time with Angular's compiler, and puts it and Angular into dist/main.js: what `ng build` does,
// by a tenth of its packages. In a project of the Angular CLI src/ goes as it is.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createEs2015LinkerPlugin } from "@angular/compiler-cli/linker/babel";
import { ConsoleLogger, LogLevel, NodeJSFileSystem } from "@angular/compiler-cli";
import { transformSync } from "@babel/core";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const linker = createEs2015LinkerPlugin({
  fileSystem: new NodeJSFileSystem(),
  logger: new ConsoleLogger(LogLevel.warn),
  linkerJitMode: false,
});

/** Angular's own packages are published half compiled. */
const link = {
  name: "link",
  setup({ onLoad }) {
    onLoad({ filter: /node_modules[\\/]@angular[\\/].*\.mjs$/ }, ({ path: filename }) => {
      const text = readFileSync(filename, "utf8");
      if (!text.includes("ɵɵngDeclare")) return { contents: text, loader: "js" };
      const { code } = transformSync(text, { filename, plugins: [linker], configFile: false, babelrc: false, compact: false });
      return { contents: code, loader: "js" };
    });
  },
};

execFileSync(process.execPath, [here("node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js"), "-p", here("tsconfig.json")], { stdio: "inherit" });
await build({
  entryPoints: [here("build/main.js")],
  outfile: here("dist/main.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  define: { ngDevMode: "false", ngJitMode: "false", ngServerMode: "false" },
  plugins: [link],
});
mkdirSync(here("dist"), { recursive: true });
copyFileSync(here("index.html"), here("dist/index.html"));
