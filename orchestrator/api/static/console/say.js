// What the page says about what was done: results politely, failures at once.
import { signedIn } from "./api.js";
import { html, signal } from "./lib.js";
import { lost } from "./stream.js";
import { T } from "./texts.js";

/** The windows that are open, the last one on top: all below is inert, so what there is to say is said in that one. */
const windows = signal([]);
export const isOnTop = (id) => windows.value.at(-1) === id;

/** Lets a window be the one on top, until the function that this returns is called. */
export function putOnTop(id) {
  windows.value = [...windows.peek(), id];
  return () => (windows.value = windows.peek().filter((one) => one !== id));
}

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

/** Runs a command of the host. Says how it failed, and returns undefined; null where the host has given it up. */
export async function attempt(work, done) {
  try {
    const result = await work();
    if (done) say(typeof done === "function" ? done(result) : done);
    return result;
  } catch (error) {
    refuse(error);
    return error.isHandled ? null : undefined;
  }
}

/** Says why something was not done. Where the session had ended, once somebody has signed in again. */
export function refuse(error, words = T.failed) {
  if (error.isHandled) return;
  if (error.status === 401) signedIn().then(() => complain(T.signIn.refused));
  else complain(words(error.message));
}

/** Stands in the page and in each window (`id`), also without words: some screen readers tell only what changes later. */
export function Sayings({ id }) {
  const isHere = isOnTop(id);
  return html`<div class="sayings">
    ${id && html`<div role="status" class="saying">${isHere && lost.value > 0 && T.connection.lost}</div>`}
    <div role="status" class="saying">${isHere && said.value?.text}</div>
    <div role="alert" class="saying bad">${isHere && failed.value?.text}</div>
  </div>`;
}
