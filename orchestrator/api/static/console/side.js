// Beside the rooms: who asked for help, who is not where they should be and why, and what went wrong.
import { mayChange } from "./api.js";
import { html, useComputed, useSignal } from "./lib.js";
import { Press } from "./once.js";
import { Capped } from "./parts.js";
import { attempt, complain } from "./say.js";
import { T } from "./texts.js";
import { timeOf } from "./time.js";

const MISSING_MOST = 12;
const PROBLEMS_AT_FIRST = 50;

export function Help({ breakout, roster }) {
  const open = breakout.help.value.filter((one) => !one.resolved_at);
  const key = `breakouts.me.${roster.id}`;
  const me = useSignal(localStorage.getItem(key) ?? "");
  const hosts = roster.hosts.value;
  const mine = hosts.find((one) => one.custom_participant_id === me.value) ?? (hosts.length === 1 ? hosts[0] : null);
  const choose = (event) => {
    me.value = event.currentTarget.value;
    localStorage.setItem(key, me.value);
  };
  const come = async (one) => {
    if (!mine) return complain(T.live.whoAreYou);
    const path = `/participants/${encodeURIComponent(mine.custom_participant_id)}/room`;
    const isGoing = await attempt(() => breakout.change("PUT", path, { room_id: one.room_id }), T.live.comingDone(one.room_name));
    return isGoing && attempt(() => breakout.resolveHelp(one.id));
  };
  return html`<section class="panel" aria-labelledby="help-title">
    <h2 id="help-title">${T.live.help} ${open.length > 0 && html`<span class="tally">${open.length}</span>`}</h2>
    ${open.length > 0 && mayChange() && hosts.length > 1 && html`<label class="inline">${T.live.me}
      <select value=${mine?.custom_participant_id ?? ""} onChange=${choose}>
        <option value="">${T.live.meNobody}</option>
        ${hosts.map((one) => html`<option key=${one.id} value=${one.custom_participant_id}>${one.name}</option>`)}
      </select></label>`}
    ${open.length === 0 && html`<p class="hint">${T.live.noHelp}</p>`}
    <ul class="rows">${open.map((one) => html`<li key=${one.id}>
      <span>${T.live.helpFrom(breakout.people.get(one.custom_participant_id)?.name.value ?? roster.nameOf(one.custom_participant_id), one.room_name)} <span class="note">${timeOf(one.asked_at)}</span></span>
      ${mayChange() && html`<span class="buttons">
        <${Press} class="primary" work=${() => come(one)}>${T.live.coming}<//>
        <${Press} work=${() => attempt(() => breakout.resolveHelp(one.id), T.live.resolved)}>${T.live.resolve}<//></span>`}
    </li>`)}</ul>
  </section>`;
}

export function Missing({ breakout, roster }) {
  const missing = useComputed(() => breakout.rooms.value.flatMap((room) => room.missing.value.map((one) => [one, room])));
  const list = missing.value;
  const isAway = (one) => roster.size.value > 0 && roster.people.get(one.id)?.value.location === "away";
  const why = (one) => (["assigned", "admitted", "invited"].includes(one.state.value) && isAway(one) ? T.why.offline : T.why[one.state.value]);
  return html`<section class="panel" aria-labelledby="missing-title">
    <h2 id="missing-title">${T.live.missing} ${list.length > 0 && html`<span class="tally">${list.length}</span>`}</h2>
    ${list.length === 0 && html`<p class="hint">${T.live.noneMissing}</p>`}
    <ul class="rows">${list.slice(0, MISSING_MOST).map(([one, room]) => html`<li key=${one.id}><span><bdi><b>${one.name.value}</b></bdi> (<bdi>${room.all.value.name}</bdi>) ${why(one)}</span></li>`)}</ul>
    ${list.length > MISSING_MOST && html`<p class="hint">${T.live.missingMore(list.length - MISSING_MOST)}</p>`}
  </section>`;
}

export function Problems({ breakout, isPast }) {
  const seen = new Set();
  const canRetry = (room) => !isPast && room?.state === "failed" && mayChange() && !seen.has(room.id) && seen.add(room.id);
  const problems = [...breakout.all.value.problems].reverse().map((one) => {
    const room = breakout.roomsById.get(one.room_id)?.all.value;
    return { one, room, canRetry: canRetry(room) };
  });
  return html`<section class="panel" aria-labelledby="problems-title">
    <h2 id="problems-title">${T.live.problems} ${problems.length > 0 && html`<span class="tally is-bad">${problems.length}</span>`}</h2>
    <div role="status">
      ${problems.length === 0 && html`<p class="hint">${T.live.noProblems}</p>`}
      <${Capped} items=${problems} of=${PROBLEMS_AT_FIRST}>${(some) => html`<ul class="rows">
        ${some.map((found, index) => html`<${Problem} key=${`${found.one.at} ${index}`} ...${found} breakout=${breakout} />`)}</ul>`}<//>
    </div>
  </section>`;
}

function Problem({ one, room, canRetry, breakout }) {
  const retry = () => attempt(() => breakout.change("POST", `/rooms/${room.id}/retry`), T.live.retried(room.name));
  return html`<li>
    <span><b>${one.what}</b>${room && html` · <bdi>${room.name}</bdi>`} <span class="note">${timeOf(one.at)}</span><br />${one.detail}</span>
    ${canRetry && html`<${Press} work=${retry}>${T.live.retry(room.name)}<//>`}
  </li>`;
}
