// What a card says about its room, and what can be done with it.
import { mayChange } from "./api.js";
import { html, useSignal } from "./lib.js";
import { DECIMAL, WHOLE_OR_NONE } from "./numbers.js";
import { Press } from "./once.js";
import { Dialog, Field } from "./parts.js";
import { attempt } from "./say.js";
import { T } from "./texts.js";
import { digits, serverTime, timeOf } from "./time.js";

const LONGER_SECONDS = 300;
const hasOwnEnd = (all, breakout) => all.paused || (all.closes_at && all.closes_at !== breakout.all.value.closes_at);

/** `ask` is called for the options of the room. */
export function RoomOptions({ room, breakout, ask }) {
  const all = room.all.value;
  const ownEnd = all.state === "open" && all.closes_at && hasOwnEnd(all, breakout);
  return html`<div class="card-line">
    ${all.state !== "open" && all.state !== "planned" && html`<span class=${`room-state is-${all.state}`}>${T.room[all.state]}</span>`}
    <${Light} recording=${all.recording} />
    ${ownEnd && html`<span class="note">${T.live.ownEnd(timeOf(all.closes_at))}</span>`}
    ${all.paused && html`<span class="note">${T.live.roomHeld(digits(all.remaining_seconds ?? 0))}</span>`}
    ${all.error && html`<span class="note is-bad">${all.error}</span>`}
    ${mayChange() && html`<button type="button" class="quiet dots" aria-label=${T.board.actions(all.name)} onClick=${ask}>⋯</button>`}
  </div>`;
}

/** The recording light: a shape and a word, so that no colour alone says it. */
function Light({ recording }) {
  if (!recording) return null;
  const state = recording.paused ? "paused" : recording.state;
  return html`<span class=${`light is-${state}`} title=${recording.error}><i aria-hidden="true"></i>${T.recording[state]}</span>`;
}

export function RoomDialog({ room, breakout, onClose }) {
  const all = room.all.value;
  const { version, state } = breakout.all.value;
  const isPlan = state === "draft" || state === "scheduled";
  const parts = { room, all, breakout, path: `/rooms/${room.id}`, onClose };
  const patch = (make) => (meant, base) => attempt(() => breakout.change("PATCH", parts.path, make(meant), { base }));
  return html`<${Dialog} title=${T.board.actions(all.name)} onClose=${onClose}>
    <div class="stack">
      <${Field} label=${T.live.rename} value=${all.name} version=${version} maxlength="100" save=${patch((text) => ({ name: text.trim() }))} />
      ${isPlan && html`<${Field} label=${T.live.most} kind=${WHOLE_OR_NONE} value=${all.max_participants} version=${version} save=${patch((max_participants) => ({ max_participants }))} />`}
      ${!isPlan && html`<${LiveOptions} ...${parts} isOpen=${state === "open" && all.state === "open"} />`}
      ${!all.deleted && !["closing", "closed"].includes(all.state) && html`<${Removal} ...${parts} isPlan=${isPlan} />`}
      <div class="buttons"><button type="button" onClick=${onClose}>${T.done}</button></div>
    </div>
  <//>`;
}

function LiveOptions({ all, breakout, path, isOpen }) {
  const typed = useSignal("5");
  const minutes = DECIMAL.read(typed.value);
  const act = (action) => () => attempt(() => breakout.change("POST", `${path}/recording`, { action }), T.live.recordAsked).then(() => breakout.readWhenDone());
  const clock = (body) => () => attempt(() => breakout.change("PATCH", path, body));
  const end = () => attempt(() => breakout.change("PATCH", path, { closes_at: new Date(serverTime() + minutes * 60_000).toISOString() }));
  const retry = () => attempt(() => breakout.change("POST", `${path}/retry`), T.live.retried(all.name));
  const now = all.recording?.state;
  const isRecording = now === "recording" || now === "requested";
  return html`
    <div class="buttons" role="group" aria-label=${T.after.recordings}>
      ${!isRecording && html`<${Press} work=${act("start")}>${T.live.record}<//>`}
      ${isRecording && !all.recording.paused && html`<${Press} work=${act("pause")}>${T.live.recordHold}<//>`}
      ${isRecording && all.recording.paused && html`<${Press} work=${act("resume")}>${T.live.recordGoOn}<//>`}
      ${isRecording && html`<${Press} work=${act("stop")}>${T.live.recordStop}<//>`}
    </div>
    ${isOpen && hasOwnEnd(all, breakout) && html`<div class="buttons" role="group" aria-label=${T.live.roomTimer}>
      <${Press} work=${clock({ extend_seconds: LONGER_SECONDS })}>${T.live.roomLonger(LONGER_SECONDS / 60)}<//>
      <button type="button" onClick=${clock({ paused: !all.paused })}>${all.paused ? T.live.roomRun : T.live.roomHold}</button>
      <button type="button" onClick=${clock({ closes_at: null })}>${T.live.roomNoEnd}</button>
    </div>`}
    ${isOpen && html`<div class="buttons">
      <label class="inline">${T.live.roomTimer}<input class="short" ...${DECIMAL.input} value=${typed.value} onInput=${(event) => (typed.value = event.currentTarget.value)} /></label>
      <button type="button" disabled=${!(minutes > 0)} onClick=${end}>${T.live.roomEnd(minutes > 0 ? minutes : "…")}</button>
    </div>`}
    ${all.state === "failed" && html`<${Press} work=${retry}>${T.live.retry(all.name)}<//>`}`;
}

function Removal({ all, breakout, path, isPlan, onClose }) {
  const words = isPlan ? T.live.roomRemoved(all.name) : T.live.roomClosed(all.name);
  const remove = () => attempt(async () => (await breakout.change("DELETE", path), true), words).then((isDone) => isDone && onClose());
  return html`<div><${Press} class="danger" work=${remove}>${isPlan ? T.live.removeRoom : T.live.closeRoom}<//>
    ${!isPlan && html`<p class="hint">${T.live.reopenless}</p>`}</div>`;
}

export function AddRoom({ breakout }) {
  const add = () => {
    const names = new Set(breakout.rooms.value.map((room) => room.all.value.name));
    let number = names.size + 1;
    while (names.has(`Room ${number}`)) number++;
    return attempt(() => breakout.change("POST", "/rooms", { name: `Room ${number}` }), (room) => T.plan.roomAdded(room.name));
  };
  return html`<${Press} work=${add}>${T.plan.addRoom}<//>`;
}
