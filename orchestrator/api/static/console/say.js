// What the page says about what was done: results politely, failures at once.
import { html, signal } from "./lib.js";
import { T } from "./texts.js";

const SHOWN_MS = { said: 6000, failed: 14_000 };
const said = signal(null);
const failed = signal(null);

function show(where, text, kind) {
  const one = { text };
  where.value = one;
  setTimeout(() => where.value === one && (where.value = null), SHOWN_MS[kind]);
}

export const say = (text) => show(said, text, "said");
export const complain = (text) => show(failed, text, "failed");

/** Runs a command of the host; says how it failed, and returns undefined then. */
export async function attempt(work, done) {
  try {
    const result = await work();
    if (done) say(typeof done === "function" ? done(result) : done);
    return result;
  } catch (error) {
    if (error.status === 401) return undefined; // the sign-in is shown
    if (error.isHandled) return undefined;
    complain(T.failed(error.message));
    return undefined;
  }
}

export function Sayings() {
  return html`<div class="sayings">
    <div role="status" class="saying">${said.value?.text}</div>
    <div role="alert" class="saying bad">${failed.value?.text}</div>
  </div>`;
}
