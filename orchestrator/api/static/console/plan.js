// A breakout before it starts: rooms, people, settings, what opening costs, and the start.
import { call, download, isPassing, mayChange } from "./api.js";
import { Board } from "./board.js";
import { html, useComputed, useEffect, useMemo, useSignal } from "./lib.js";
import { understand, WHOLE, WHOLE_OR_NONE } from "./numbers.js";
import { Press } from "./once.js";
import { Badge, Check, Confirm, Heading } from "./parts.js";
import { AddRoom, RoomOptions } from "./room.js";
import { go, Link } from "./router.js";
import { attempt } from "./say.js";
import { Settings } from "./settings.js";
import { gently } from "./stream.js";
import { own, T } from "./texts.js";
import { dateOf } from "./time.js";

const QUIET_MS = 500;

export function Plan({ breakout, roster }) {
  const all = breakout.all.value;
  const asking = useSignal(null);
  const cost = useCost(breakout, all);
  const close = () => (asking.value = null);
  const start = () => attempt(() => breakout.change("POST", "/start"));
  const discard = async () => {
    const isDone = await attempt(() => breakout.change("POST", "/cancel"), T.meeting.discarded(all.name));
    if (isDone) go("meetings", all.meeting_id);
    return isDone;
  };
  const seated = breakout.rooms.value.reduce((sum, room) => sum + room.people.value.length, 0);
  return html`<main class="page">
    <nav class="crumbs" aria-label=${T.meetings.title}><${Link} to="meetings" id=${all.meeting_id}>${roster.meeting.value?.title ?? "…"}<//></nav>
    <header class="page-head">
      <div>
        <${Heading} title=${own(all.name)}>${all.name}<//>
        <p class="sub"><${Badge} state=${all.state} />
          <span>${T.rooms(breakout.rooms.value.length)}, ${T.people(seated)}</span>
          ${all.state === "scheduled" && html`<span>${T.plan.scheduledFor(dateOf(all.scheduled_for))}</span>`}
        </p>
      </div>
      <div class="head-act">
        ${mayChange() && html`<button type="button" class="primary big" onClick=${() => (asking.value = "start")}>${T.plan.start}</button>`}
        <p class="cost" aria-live="polite">${cost.value ? T.plan.calls(cost.value.calls.total, Math.ceil(cost.value.predicted_seconds)) : cost.value === null ? T.plan.counting : ""}</p>
      </div>
    </header>
    ${cost.value?.conflicts.length > 0 && html`<div class="notice is-warning"><p>${T.plan.conflicts}:</p><ul>${cost.value.conflicts.map((one) => html`<li key=${one}>${one}</li>`)}</ul></div>`}
    ${all.plan.state === "solving" && html`<p class="notice" role="status">${T.plan.solving}</p>`}
    <div class="columns">
      <div>
        <${Board} breakout=${breakout} nameOf=${roster.nameOf} Head=${RoomOptions}
          tools=${html`<${Dealing} breakout=${breakout} all=${all} />`} />
        <p class="hint">${all.assignment.deal === "at_start" ? T.plan.preview : T.plan.spread(all.plan.spread)}</p>
        <div class="buttons">
          ${mayChange() && html`<${AddRoom} breakout=${breakout} />`}
          <button type="button" onClick=${() => attempt(() => download(`${breakout.path}/assignment`, `${all.name}.csv`))}>${T.plan.csv}</button>
          ${mayChange() && html`<button type="button" class="quiet" onClick=${() => (asking.value = "discard")}>${T.plan.discard}</button>`}
        </div>
      </div>
      <${Settings} breakout=${breakout} roster=${roster} all=${all} />
    </div>
    ${asking.value === "start" && html`<${Confirm} title=${T.plan.startTitle(all.name)} lead=${T.plan.startLead(breakout.rooms.value.length, seated)} yes=${T.plan.yesStart} onYes=${start} onClose=${close}>
      ${cost.value && html`<p>${T.plan.calls(cost.value.calls.total, Math.ceil(cost.value.predicted_seconds))}</p>`}
      ${cost.value?.conflicts.map((one) => html`<p class="notice is-warning" key=${one}>${one}</p>`)}
    <//>`}
    ${asking.value === "discard" && html`<${Confirm} danger title=${T.plan.discardTitle} yes=${T.plan.yesDiscard} onYes=${discard} onClose=${close} />`}
  </main>`;
}

function Dealing({ breakout, all }) {
  const isKept = useSignal(true);
  const seed = useSignal("");
  if (!mayChange()) return html`<span class="hint">${T.plan.seed} ${all.seed}</span>`;
  const shuffle = async () => {
    const text = seed.value;
    const number = understand(WHOLE_OR_NONE, text, T.plan.seed);
    if (number === undefined) return;
    const body = { keep_pinned: isKept.value, ...(number === null ? {} : { seed: number }) };
    if (await attempt(() => breakout.change("POST", "/shuffle", body), (found) => T.plan.shuffled(found.seed)) && seed.peek() === text) seed.value = "";
  };
  return html`<div class="dealing">
    <${Press} work=${shuffle} what=${() => seed.value}>${T.plan.shuffle}<//>
    <label class="inline">${T.plan.seed}
      <input class="short" ...${WHOLE.input} placeholder=${String(all.seed)} value=${seed.value}
        onInput=${(event) => (seed.value = event.currentTarget.value)} /></label>
    <${Check} label=${T.plan.keepPinned} value=${isKept.value} save=${(on) => (isKept.value = on)} />
  </div>`;
}

/**
 * What opening the plan as it is would cost, for who may open it. It is asked anew when nothing has changed for a
 * moment, and never between own changes: for a large plan the server computes longer for it than for each of them.
 */
function useCost(breakout, all) {
  const can = mayChange();
  const cost = useSignal(can ? null : undefined);
  const ask = useMemo(() => gently(() => rehearse(breakout, cost), QUIET_MS, breakout.stopper.signal), []);
  const people = breakout.rooms.value.map((room) => room.people.value.length).join();
  const isQuiet = useComputed(() => breakout.changing.value === 0).value;
  useEffect(() => {
    if (!can || !isQuiet) return undefined;
    const timer = setTimeout(ask, QUIET_MS);
    return () => clearTimeout(timer);
  }, [all.version, all.plan.state, people, can, isQuiet]);
  return cost;
}

async function rehearse(breakout, cost) {
  if (breakout.changing.peek()) return undefined; // it is asked for again when that is done
  const all = breakout.all.peek();
  const rooms = breakout.rooms.peek().map((room) => ({
    name: room.all.peek().name,
    participants: room.people.peek().map((one) => one.id),
    max_participants: room.all.peek().max_participants,
  }));
  if (!rooms.length) return (cost.value = undefined);
  const { record, duration_seconds, countdown_seconds, warn_before_seconds } = all;
  const body = { rooms, assignment: { mode: "manual" }, record, duration_seconds, countdown_seconds, warn_before_seconds };
  const path = `/v1/meetings/${all.meeting_id}/breakouts?dry_run=true`;
  cost.value = await call("POST", path, { body }).catch((error) => {
    if (error.status === 401 || isPassing(error)) throw error;
    return { calls: { total: 0 }, predicted_seconds: 0, conflicts: [error.message] };
  });
  return undefined;
}
