// What a card of a running breakout says about its room, and what can be done with it.
import { mayChange } from "./api.js";
import { html, useSignal } from "./lib.js";
import { Dialog, Field } from "./parts.js";
import { attempt } from "./say.js";
import { T } from "./texts.js";
import { timeOf } from "./time.js";

export function RoomOptions({ room, breakout }) {
  const isShown = useSignal(false);
  const all = room.all.value;
  const ownEnd = all.closes_at && all.closes_at !== breakout.all.value.closes_at;
  return html`<div class="card-line">
    ${all.state !== "open" && html`<span class=${`room-state is-${all.state}`}>${T.room[all.state]}</span>`}
    <${Light} recording=${all.recording} />
    ${ownEnd && html`<span class="note">${T.live.ownEnd(timeOf(all.closes_at))}</span>`}
    ${all.error && html`<span class="note is-bad">${all.error}</span>`}
    ${mayChange() && html`<button type="button" class="quiet dots" aria-label=${T.board.actions(all.name)} onClick=${() => (isShown.value = true)}>⋯</button>`}
    ${isShown.value && html`<${RoomDialog} room=${room} breakout=${breakout} onClose=${() => (isShown.value = false)} />`}
  </div>`;
}

/** The recording light: a shape and a word, so that no colour alone says it. */
function Light({ recording }) {
  if (!recording) return null;
  const state = recording.paused ? "paused" : recording.state;
  return html`<span class=${`light is-${state}`} title=${recording.error}><i aria-hidden="true"></i>${T.recording[state]}</span>`;
}

function RoomDialog({ room, breakout, onClose }) {
  const all = room.all.value;
  const minutes = useSignal("5");
  const { version, state } = breakout.all.value;
  const path = `/rooms/${room.id}`;
  const patch = (body, base) => attempt(() => breakout.change("PATCH", path, body, { base })).then(Boolean);
  const act = (action) => () => attempt(() => breakout.change("POST", `${path}/recording`, { action }), T.live.recordAsked);
  const end = () => patch({ closes_at: new Date(Date.now() + Number(minutes.value) * 60_000).toISOString() });
  const remove = () => attempt(() => breakout.change("DELETE", path), T.live.roomClosed(all.name)).then(onClose);
  const retry = () => attempt(() => breakout.change("POST", `${path}/retry`), T.live.retried(all.name));
  const now = all.recording?.state;
  const isRecording = now === "recording" || now === "requested";
  return html`<${Dialog} title=${T.board.actions(all.name)} onClose=${onClose}>
    <div class="stack">
      <${Field} label=${T.live.rename} value=${all.name} version=${version} maxlength="100" save=${(text, base) => patch({ name: text.trim() }, base)} />
      <div class="buttons" role="group" aria-label=${T.after.recordings}>
        ${!isRecording && html`<button type="button" onClick=${act("start")}>${T.live.record}</button>`}
        ${isRecording && !all.recording.paused && html`<button type="button" onClick=${act("pause")}>${T.live.recordHold}</button>`}
        ${isRecording && all.recording.paused && html`<button type="button" onClick=${act("resume")}>${T.live.recordGoOn}</button>`}
        ${isRecording && html`<button type="button" onClick=${act("stop")}>${T.live.recordStop}</button>`}
      </div>
      ${state === "open" && all.state === "open" && html`<div class="buttons">
        <label class="inline">${T.live.roomTimer}<input class="short" type="number" min="1" value=${minutes.value} onInput=${(event) => (minutes.value = event.currentTarget.value)} /></label>
        <button type="button" disabled=${!(Number(minutes.value) > 0)} onClick=${end}>${T.live.roomEnd(minutes.value || "…")}</button>
      </div>`}
      ${all.state === "failed" && html`<button type="button" onClick=${retry}>${T.live.retry(all.name)}</button>`}
      ${!all.deleted && !["closing", "closed"].includes(all.state) && html`<div><button type="button" class="danger" onClick=${remove}>${T.live.closeRoom}</button><p class="hint">${T.live.reopenless}</p></div>`}
      <div class="buttons"><button type="button" onClick=${onClose}>${T.done}</button></div>
    </div>
  <//>`;
}
