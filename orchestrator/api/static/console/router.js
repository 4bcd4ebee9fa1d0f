// Which page the address names, and going to another one.
import { ROOT } from "./api.js";
import { html, signal } from "./lib.js";

const HOME = `${ROOT}/console`;
const PATTERN = /^\/(meetings|breakouts)\/([^/]+)$/;

function parse() {
  const [, kind, id] = PATTERN.exec(location.pathname.slice(HOME.length)) || [];
  return { kind: kind || "home", id };
}

export const route = signal(parse());
addEventListener("popstate", () => (route.value = parse()));

export const pathTo = (kind, id) => (kind === "home" ? HOME : `${HOME}/${kind}/${id}`);

export function go(kind, id, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", pathTo(kind, id));
  route.value = { kind, id };
  scrollTo(0, 0);
}

export function Link({ to, id, children, ...rest }) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(to, id);
  };
  return html`<a href=${pathTo(to, id)} onClick=${follow} ...${rest}>${children}</a>`;
}
