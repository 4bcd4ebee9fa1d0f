// A plan from a CSV file: what it would make is shown before anything is written.
import { call, newKey } from "./api.js";
import { html, useSignal } from "./lib.js";
import { Check, Dialog } from "./parts.js";
import { go } from "./router.js";
import { attempt, say } from "./say.js";
import { T } from "./texts.js";

const SHOWN_MOST = 8;

export function CsvImport({ roster, onClose }) {
  const file = useSignal(null);
  const found = useSignal(null);
  const isRegistering = useSignal(false);
  const send = async (isDry) => {
    const query = `name=${encodeURIComponent(nameOf(file.value))}&register=${isRegistering.value}&dry_run=${isDry}`;
    const options = { body: await file.value.arrayBuffer(), type: "text/csv", ...(isDry ? {} : { key: newKey() }) };
    return call("POST", `${roster.path}/breakouts/import?${query}`, options);
  };
  const look = async () => {
    found.value = null;
    if (file.value) found.value = (await attempt(() => send(true))) ?? null;
  };
  const use = async () => {
    const made = await attempt(() => send(false));
    if (!made) return;
    say(T.csv.imported(made.used));
    go("breakouts", made.breakout.id);
  };
  return html`<${Dialog} title=${T.csv.title} lead=${T.csv.lead} onClose=${onClose}>
    <div class="stack">
      <div class="field"><label for="csv-file">${T.csv.file}</label>
        <input id="csv-file" type="file" accept=".csv,text/csv,text/plain" onChange=${(event) => ((file.value = event.currentTarget.files[0] ?? null), look())} /></div>
      <${Check} label=${T.csv.register} value=${isRegistering.value} save=${(on) => ((isRegistering.value = on), look())} />
      ${found.value && html`<div role="status"><p>${T.csv.found(found.value)}</p>
        <ul class="rows">${found.value.skipped.slice(0, SHOWN_MOST).map((one) => html`<li key=${one.line}>${T.csv.line(one)}</li>`)}</ul></div>`}
      <div class="buttons">
        <button type="button" class="primary" disabled=${!found.value?.used} onClick=${use}>${T.csv.submit(found.value?.used ?? 0)}</button>
        <button type="button" onClick=${onClose}>${T.cancel}</button>
      </div>
    </div>
  <//>`;
}

const nameOf = (file) => file.name.replace(/\.[^.]*$/, "").slice(0, 100) || T.csv.name;
