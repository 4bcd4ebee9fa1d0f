// What else can be done while it runs: another room, a question to all, small rooms dissolved.
import { html, useSignal } from "./lib.js";
import { WHOLE } from "./numbers.js";
import { useOnce } from "./once.js";
import { Check, Dialog } from "./parts.js";
import { AddRoom } from "./room.js";
import { attempt } from "./say.js";
import { T } from "./texts.js";

export function More({ breakout }) {
  const asking = useSignal(null);
  const close = () => (asking.value = null);
  return html`<div class="buttons">
    <${AddRoom} breakout=${breakout} />
    <button type="button" onClick=${() => (asking.value = "poll")}>${T.more.poll}</button>
    <button type="button" onClick=${() => (asking.value = "even")}>${T.more.even}</button>
    ${asking.value === "poll" && html`<${Poll} breakout=${breakout} onClose=${close} />`}
    ${asking.value === "even" && html`<${Dissolve} breakout=${breakout} onClose=${close} />`}
  </div>`;
}

function Poll({ breakout, onClose }) {
  const question = useSignal("");
  const options = useSignal("");
  const anonymous = useSignal(false);
  const [ask, isBusy] = useOnce(async () => {
    const body = { question: question.value.trim(), options: options.value.split("\n").map((one) => one.trim()).filter(Boolean), anonymous: anonymous.value };
    if (await attempt(async () => (await breakout.tell("/poll", body), true), T.more.asked)) onClose();
  });
  return html`<${Dialog} title=${T.more.poll} onClose=${onClose}>
    <form class="stack" onSubmit=${ask}>
      <div class="field"><label for="poll-question">${T.more.question}</label>
        <input id="poll-question" required autofocus value=${question.value} onInput=${(event) => (question.value = event.currentTarget.value)} /></div>
      <div class="field"><label for="poll-options">${T.more.options}</label>
        <textarea id="poll-options" rows="4" required value=${options.value} onInput=${(event) => (options.value = event.currentTarget.value)}></textarea></div>
      <${Check} label=${T.more.anonymous} value=${anonymous.value} save=${(on) => (anonymous.value = on)} />
      <div class="buttons"><button type="submit" class="primary" aria-disabled=${isBusy}>${T.more.ask}</button><button type="button" onClick=${onClose}>${T.cancel}</button></div>
    </form>
  <//>`;
}

function Dissolve({ breakout, onClose }) {
  const least = useSignal("2");
  const [dissolve, isBusy] = useOnce(async () => {
    const body = { min_room_size: WHOLE.read(least.value) };
    if (await attempt(() => breakout.change("POST", "/rebalance", body), (done) => T.more.dissolved(done.moves.length))) onClose();
  });
  return html`<${Dialog} title=${T.more.even} lead=${T.more.evenLead} onClose=${onClose}>
    <form class="stack" onSubmit=${dissolve}>
      <div class="field"><label for="least">${T.more.least}</label>
        <input id="least" ...${WHOLE.input} required autofocus value=${least.value} onInput=${(event) => (least.value = event.currentTarget.value)} /></div>
      <div class="buttons"><button type="submit" class="primary" aria-disabled=${isBusy}>${T.more.dissolve}</button><button type="button" onClick=${onClose}>${T.cancel}</button></div>
    </form>
  <//>`;
}
