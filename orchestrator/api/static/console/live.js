// A breakout while it runs: the clock and what stops it, the rooms, who needs help, who is missing, what went wrong.
import { mayChange, session } from "./api.js";
import { Board, InRooms } from "./board.js";
import { html, useSignal } from "./lib.js";
import { More } from "./more.js";
import { understand, WHOLE_OR_NONE } from "./numbers.js";
import { Press, useOnce } from "./once.js";
import { Badge, Confirm, Heading } from "./parts.js";
import { RoomOptions } from "./room.js";
import { Link } from "./router.js";
import { attempt, complain } from "./say.js";
import { Help, Missing, Problems } from "./side.js";
import { own, T } from "./texts.js";
import { digits, secondsTo, serverTime, timeOf } from "./time.js";

const STEPS = [1, 2, 5, 10, 15, 30, -1, -5];

export function Live({ breakout, roster }) {
  const all = breakout.all.value;
  const flower = session.value?.flower_url;
  const recording = all.progress.recordings.recording;
  return html`<main class="page">
    <nav class="crumbs" aria-label=${T.meetings.title}><${Link} to="meetings" id=${all.meeting_id}>${roster.meeting.value?.title ?? "…"}<//></nav>
    <header class="page-head">
      <div>
        <${Heading} title=${own(all.name)}>${all.name}<//>
        <p class="sub"><${Badge} state=${all.state} />
          ${all.state === "opening" ? html`<span>${T.live.opening(all.progress.rooms)}</span>` : html`<${InRooms} breakout=${breakout} />`}
          ${recording > 0 && html`<span class="light is-recording"><i aria-hidden="true"></i>${T.live.recording(recording)}</span>`}
          <${AskedForHelp} breakout=${breakout} />
          ${flower && html`<a href=${`${flower}/task/${all.id}`} target="_blank" rel="noreferrer">${T.live.flower}</a>`}
        </p>
      </div>
      <${Clock} all=${all} />
    </header>
    ${mayChange() && html`<${Controls} breakout=${breakout} all=${all} />`}
    <div class="columns">
      <div>
        <${Board} breakout=${breakout} isLive nameOf=${roster.nameOf} Head=${RoomOptions} />
        ${mayChange() && all.state === "open" && html`<${More} breakout=${breakout} />`}
      </div>
      <aside class="side">
        <${Help} breakout=${breakout} roster=${roster} />
        <${Missing} breakout=${breakout} roster=${roster} />
        <${Problems} breakout=${breakout} />
      </aside>
    </div>
  </main>`;
}

function AskedForHelp({ breakout }) {
  const open = breakout.help.value.filter((one) => !one.resolved_at).length;
  return open > 0 && html`<a href="#help-title" class="asked">${T.live.asked(open)}</a>`;
}

/** What is left, in large. It is read out when it is asked for, not every second. */
function Clock({ all }) {
  const [time, words] = clockOf(all);
  const isShort = all.closes_at && all.state === "open" && secondsTo(all.closes_at) <= 60;
  return html`<div class="clock">
    <div role="timer" aria-live="off" aria-label=${T.live.timeLeft} class=${`digits ${isShort || all.state === "closing" ? "is-short" : ""}`}>${time}</div>
    <p>${words}</p>
  </div>`;
}

function clockOf(all) {
  if (all.state === "closing") {
    const left = all.empties_at ? secondsTo(all.empties_at) : 0;
    return left ? [digits(left), T.live.comingBack] : ["0:00", T.live.emptied];
  }
  if (all.paused) return [digits(all.remaining_seconds ?? 0), T.live.paused];
  if (all.closes_at) return [digits(secondsTo(all.closes_at)), `${T.live.left}, ${T.live.until(timeOf(all.closes_at))}`];
  return all.duration_seconds && all.state === "opening" ? [digits(all.duration_seconds), T.live.left] : ["–", T.live.noTimer];
}

function Controls({ breakout, all }) {
  const step = useSignal(5);
  const asking = useSignal(false);
  const isOpen = all.state === "open";
  const hasTimer = Boolean(all.closes_at) || all.paused;
  const clock = (body, words) => attempt(() => breakout.change("PATCH", "", body), words);
  const later = () => new Date(serverTime() + step.value * 60_000).toISOString();
  const extend = () => clock({ extend_seconds: step.value * 60 }, T.live.extended(step.value));
  return html`<div class="controls">
    ${isOpen && html`<div class="control-group">
      ${hasTimer
        ? html`<${Press} work=${extend} what=${() => step.value}>${T.live.extend}<//>`
        : html`<button type="button" disabled=${step.value < 0} onClick=${() => clock({ closes_at: later() }, T.plan.saved)}>${T.live.setEnd(step.value)}</button>`}
      <select aria-label=${T.live.by} value=${String(step.value)} onChange=${(event) => (step.value = Number(event.currentTarget.value))}>
        ${STEPS.map((n) => html`<option key=${n} value=${n}>${T.live.minutes(n)}</option>`)}
      </select>
      ${hasTimer && !all.paused && html`<button type="button" onClick=${() => clock({ paused: true }, T.live.pausedNow)}>${T.live.pause}</button>`}
      ${all.paused && html`<button type="button" class="primary" onClick=${() => clock({ paused: false }, T.live.resumedNow)}>${T.live.resume}</button>`}
    </div>`}
    <${BroadcastForm} breakout=${breakout} />
    <div class="control-group at-end">
      ${all.state === "closing" && secondsTo(all.empties_at ?? 0) > 0 && html`<button type="button" onClick=${() => clock({ closes_at: null }, T.live.calledOff)}>${T.live.callOff}</button>`}
      ${all.state !== "closing" && html`<button type="button" class="danger" onClick=${() => (asking.value = true)}>${T.live.closeAll}</button>`}
    </div>
    ${asking.value && html`<${CloseDialog} breakout=${breakout} all=${all} onClose=${() => (asking.value = false)} />`}
  </div>`;
}

function CloseDialog({ breakout, all, onClose }) {
  const seconds = useSignal(String(all.countdown_seconds));
  const countdown = WHOLE_OR_NONE.read(seconds.value);
  const close = () => {
    const found = understand(WHOLE_OR_NONE, seconds.value, T.live.closeSeconds);
    return found === undefined ? undefined : attempt(() => breakout.change("POST", "/close", { countdown_seconds: found ?? 0 }), T.live.closing);
  };
  return html`<${Confirm} danger title=${T.live.closeTitle(all.name)} lead=${countdown >= 0 && T.live.closeLead(countdown)} yes=${T.live.yesClose} onYes=${close} onClose=${onClose}>
    <div class="field"><label for="close-seconds">${T.live.closeSeconds}</label>
      <input id="close-seconds" ...${WHOLE_OR_NONE.input} value=${seconds.value} onInput=${(event) => (seconds.value = event.currentTarget.value)} /></div>
  <//>`;
}

function BroadcastForm({ breakout }) {
  const text = useSignal("");
  const trimmed = () => text.peek().trim();
  const [send, isBusy] = useOnce(async (event) => {
    const words = trimmed();
    if (!words) {
      event.currentTarget.querySelector("input").focus();
      complain(T.live.messageFirst);
      return;
    }
    const isSent = await attempt(async () => (await breakout.tell("/broadcast", { text: words }), true), T.live.sent);
    if (isSent && trimmed() === words) text.value = "";
  }, trimmed);
  return html`<form class="control-group grows" onSubmit=${send}>
    <input aria-label=${T.live.message} placeholder=${T.live.message} maxlength="2000" value=${text.value} onInput=${(event) => (text.value = event.currentTarget.value)} />
    <button type="submit" aria-disabled=${isBusy}>${T.live.broadcast}</button>
  </form>`;
}
