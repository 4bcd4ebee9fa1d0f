// Rounds: several breakouts in which as few pairs as possible meet twice.
import { post } from "./api.js";
import { html, useSignal } from "./lib.js";
import { DECIMAL, WHOLE } from "./numbers.js";
import { useOnce } from "./once.js";
import { Dialog } from "./parts.js";
import { attempt, say } from "./say.js";
import { T } from "./texts.js";

const FIELDS = { rounds: [3, WHOLE], rooms: [4, WHOLE], minutes: [10, DECIMAL], gap: [0, WHOLE] };

export function RoundsForm({ roster, onClose }) {
  const given = useSignal(Object.fromEntries(Object.entries(FIELDS).map(([name, [start]]) => [name, String(start)])));
  const [plan, isBusy] = useOnce(async () => {
    const { rounds, rooms, minutes, gap } = Object.fromEntries(Object.entries(given.value).map(([name, text]) => [name, FIELDS[name][1].read(text)]));
    const body = { rounds, rooms, gap_seconds: gap, ...(minutes ? { duration_seconds: Math.round(minutes * 60) } : {}) };
    const made = await attempt(() => post(`${roster.path}/rounds`, body));
    if (!made) return;
    say(T.roundsForm.planned(made.breakouts.length, made.repeated_pairs));
    onClose();
  });
  return html`<${Dialog} title=${T.roundsForm.title} lead=${T.roundsForm.lead} onClose=${onClose}>
    <form class="stack" onSubmit=${plan}>
      <div class="pair">
        ${Object.entries(FIELDS).map(([name, [, kind]]) => html`<div class="field" key=${name}><label for=${`rounds-${name}`}>${T.roundsForm[name]}</label>
          <input id=${`rounds-${name}`} ...${kind.input} required value=${given.value[name]}
            onInput=${(event) => (given.value = { ...given.value, [name]: event.currentTarget.value })} /></div>`)}
      </div>
      <div class="buttons"><button type="submit" class="primary" aria-disabled=${isBusy}>${T.roundsForm.submit}</button><button type="button" onClick=${onClose}>${T.cancel}</button></div>
    </form>
  <//>`;
}
