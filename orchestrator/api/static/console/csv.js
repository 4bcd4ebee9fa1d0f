// A plan from a CSV file: what it would make is shown before anything is written.
import { call, post } from "./api.js";
import { html, useRef, useSignal } from "./lib.js";
import { Press } from "./once.js";
import { Check, Dialog } from "./parts.js";
import { go } from "./router.js";
import { attempt, say } from "./say.js";
import { T } from "./texts.js";

const SHOWN_MOST = 8;

export function CsvImport({ roster, onClose }) {
  const file = useSignal(null);
  const found = useSignal(null);
  const isRegistering = useSignal(false);
  const last = useRef(null);
  const path = (isDry) =>
    `${roster.path}/breakouts/import?name=${encodeURIComponent(nameOf(file.value))}&register=${isRegistering.value}&dry_run=${isDry}`;
  const rehearse = async (one, asked) => {
    const body = await one.arrayBuffer();
    return { body, ...(await call("POST", asked, { body, type: "text/csv" })) };
  };
  const look = async () => {
    const mine = (last.current = {}); // another file may be chosen before there is an answer
    found.value = null;
    if (!file.value) return;
    const answer = await attempt(() => rehearse(file.value, path(true)));
    if (last.current === mine) found.value = answer ?? null;
  };
  const use = async () => {
    const made = await attempt(() => post(path(false), found.value.body, { type: "text/csv" }));
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
        <${Press} class="primary" disabled=${!found.value?.used} work=${use}>${T.csv.submit(found.value?.used ?? 0)}<//>
        <button type="button" onClick=${onClose}>${T.cancel}</button>
      </div>
    </div>
  <//>`;
}

const nameOf = (file) => file.name.replace(/\.[^.]*$/, "").slice(0, 100) || T.csv.name;
