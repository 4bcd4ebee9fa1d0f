// Somebody else was faster: the host is shown the newer state, or makes the own change on top of it.
import { html, signal } from "./lib.js";
import { attempt, isOnTop } from "./say.js";
import { T } from "./texts.js";

/** What somebody else has changed, and the own changes that wait for the host's word: {fields, waiting}. */
const stale = signal(null);

/**
 * Asks the host about a change that was refused as stale, and at once about all that are refused until the host answers.
 * Resolves as `again` does when it is made all the same. Rejects with the refusal when it is given up, with any other
 * refusal, and with one that comes after the page was `left`. `source` is what that has read: `readSoon` and `read` renew it.
 */
export async function orAsk(error, again, source) {
  if (error.status !== 412 || source.left.aborted) throw error;
  error.isHandled = true;
  source.readSoon();
  return new Promise((resolve, reject) => {
    const { fields, waiting } = stale.peek() ?? { fields: [], waiting: [] };
    const one = { source, make: () => resolve(again()), giveUp: () => reject(error) };
    stale.value = { fields: [...new Set([...fields, ...(error.fields ?? [])])], waiting: [...waiting, one] };
  });
}

function settle(how) {
  const { waiting } = stale.peek() ?? { waiting: [] };
  stale.value = null;
  waiting.forEach(how);
}

/** Makes none of the changes: their page is left, or the newer state is shown instead. */
export const giveUp = () => settle((one) => one.giveUp());

export function Stale({ id }) {
  if (!stale.value || !isOnTop(id)) return null;
  const { fields, waiting } = stale.value;
  const readAgain = () => Promise.all([...new Set(waiting.map((one) => one.source))].map((source) => source.read()));
  const show = async () => (await attempt(readAgain, T.stale.shown)) && giveUp();
  return html`<div role="alert" class="notice is-warning stale">
    <p><b>${T.stale.title}</b> ${fields.length > 0 && T.stale.fields(fields.join(", "))}</p>
    <div class="buttons"><button type="button" class="primary" onClick=${show}>${T.stale.show}</button><button type="button" onClick=${() => settle((one) => one.make())}>${T.stale.force}</button></div>
  </div>`;
}
