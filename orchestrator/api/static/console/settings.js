// Every setting of a plan, in groups. Each is saved by itself, on top of what the host saw.
import { mayChange } from "./api.js";
import { html, useSignal } from "./lib.js";
import { DECIMAL_OR_NONE, LIST, WHOLE, WHOLE_OR_NONE } from "./numbers.js";
import { Press } from "./once.js";
import { Check, Choice, Field } from "./parts.js";
import { attempt, complain } from "./say.js";
import { own, T } from "./texts.js";

const flag = { true: true, false: false };
const value = (text) => flag[text] ?? text;
const minutes = (seconds) => (seconds == null ? "" : String(Math.round((seconds / 60) * 100) / 100));
const seconds = (minutes) => (minutes === null ? null : Math.round(minutes * 60));

export function Settings({ breakout, roster, all }) {
  const patch = (body, base) => attempt(() => breakout.change("PATCH", "", body, { base }));
  const field = (make) => (meant, base) => patch(make(meant), base);
  const choice = (make) => (text) => patch(make(value(text)));
  const parts = { all, version: all.version, patch, field, choice, breakout, roster };
  return html`<aside class="settings" aria-label=${T.plan.settings}>
    <h2>${T.plan.settings}</h2>
    <${Field} label=${T.plan.name} value=${all.name} version=${all.version} maxlength="100" save=${field((text) => ({ name: text.trim() }))} />
    <${Group} title=${T.plan.groups.rooms} open><${RoomsAndPeople} ...${parts} /><//>
    <${Group} title=${T.plan.groups.time} open><${Time} ...${parts} /><//>
    <${Group} title=${T.plan.groups.recording} open><${Recording} ...${parts} /><//>
    <${Group} title=${T.plan.groups.rules}><${Rules} ...${parts} /><//>
    <${Group} title=${T.plan.groups.rights}><${Rights} ...${parts} /><//>
    <${Group} title=${T.plan.groups.start}><${Schedule} ...${parts} /><//>
  </aside>`;
}

function Group({ title, open, children }) {
  return html`<details open=${open}><summary>${title}</summary><div class="group">${children}</div></details>`;
}

function RoomsAndPeople({ all, version, field, choice, breakout }) {
  const { assignment } = all;
  const count = breakout.rooms.value.length;
  return html`
    <div class="pair">
      <${Field} label=${T.plan.numberOfRooms} kind=${WHOLE} value=${count} version=${version} save=${field((rooms) => ({ rooms }))} />
      <${Field} label=${T.plan.roomSize} kind=${WHOLE_OR_NONE} value=${all.room_size} version=${version}
        save=${field((size) => (size === null ? { rooms: count || 1 } : { room_size: size }))} />
    </div>
    <${Choice} label=${T.plan.mode} value=${assignment.mode} choices=${T.plan.modes} save=${choice((mode) => ({ assignment: { mode } }))} />
    <${Choice} label=${T.plan.who} value=${assignment.who} choices=${T.plan.whos} save=${choice((who) => ({ assignment: { who } }))} />
    <${Choice} label=${T.plan.hosts} value=${assignment.include_hosts} choices=${T.plan.hostChoices} save=${choice((include_hosts) => ({ assignment: { include_hosts } }))} />
    <${Choice} label=${T.plan.deal} value=${assignment.deal} choices=${T.plan.deals} save=${choice((deal) => ({ assignment: { deal } }))} />`;
}

function Time({ all, version, field }) {
  return html`
    <${Field} label=${T.plan.minutes} kind=${DECIMAL_OR_NONE} value=${minutes(all.duration_seconds)} version=${version} save=${field((minutes) => ({ duration_seconds: seconds(minutes) }))} />
    <${Field} label=${T.plan.countdown} kind=${WHOLE} value=${all.countdown_seconds} version=${version} save=${field((countdown_seconds) => ({ countdown_seconds }))} />
    <${Field} label=${T.plan.warnings} kind=${LIST} value=${all.warn_before_seconds.join(", ")} version=${version} save=${field((warn_before_seconds) => ({ warn_before_seconds }))} />`;
}

function Recording({ all, version, patch, field }) {
  return html`
    <${Check} label=${T.plan.record} value=${all.record} save=${(record) => patch({ record })} />
    ${all.record &&
    html`<${Field} label=${T.plan.prefix} value=${all.recording.file_name_prefix} version=${version} maxlength="100" save=${field((text) => ({ recording: { file_name_prefix: text.trim() || null } }))} />
      <${Field} label=${T.plan.maxMinutes} kind=${DECIMAL_OR_NONE} value=${minutes(all.recording.max_seconds)} version=${version} save=${field((minutes) => ({ recording: { max_seconds: seconds(minutes) } }))} />`}`;
}

function Rules({ all, patch, breakout, roster }) {
  const { together, apart, balance_by } = all.assignment;
  const change = (kind, make) => patch(() => ({ assignment: { [kind]: make(breakout.all.peek().assignment[kind]) } }));
  const names = (ids) => ids.map((id) => own(roster.nameOf(id))).join(", ");
  const idsOf = (people) => people.map((one) => one.id);
  const chosen = () => `${idsOf(breakout.chosenPeople())}`;
  const add = (kind) => () => {
    const people = breakout.chosenPeople();
    const ids = idsOf(people);
    if (ids.length < 2) return complain(T.board.chooseFirst);
    return change(kind, (rules) => [...rules, ids]).then((isDone) => isDone && breakout.choose(people, false));
  };
  const remove = (kind, ids) => () => change(kind, (rules) => rules.filter((one) => `${one}` !== `${ids}`));
  const rule = (kind, words) => (ids) =>
    html`<li key=${`${kind} ${ids}`}><span>${words(names(ids))}</span>
      ${mayChange() && html`<button type="button" class="quiet" aria-label=${`${T.plan.removeRule}: ${words(names(ids))}`} onClick=${remove(kind, ids)}>×</button>`}</li>`;
  const attributes = attributesOf(roster);
  return html`
    ${together.length + apart.length > 0
      ? html`<ul class="rules">${together.map(rule("together", T.plan.togetherRule))}${apart.map(rule("apart", T.plan.apartRule))}</ul>`
      : html`<p class="hint">${T.plan.noRules}</p>`}
    ${mayChange() &&
    html`<p class="hint">${T.plan.rulesLead}</p><div class="buttons">
      <${Press} work=${add("together")} what=${chosen}>${T.plan.together}<//>
      <${Press} work=${add("apart")} what=${chosen}>${T.plan.apart}<//></div>`}
    ${attributes.length > 0 &&
    html`<fieldset><legend>${T.plan.balance}</legend>
      ${attributes.map((name) => html`<${Check} key=${name} label=${name} value=${balance_by.includes(name)}
        save=${(on) => change("balance_by", (names) => [...names.filter((one) => one !== name), ...(on ? [name] : [])])} />`)}
    </fieldset>`}`;
}

function attributesOf(roster) {
  const names = new Set();
  if (roster.size.value) for (const one of roster.people.values()) Object.keys(one.peek().attributes).forEach((name) => names.add(name));
  return [...names].sort().slice(0, 20);
}

function Rights({ all, choice }) {
  return html`
    <${Choice} label=${T.plan.allowSwitch} value=${all.allow_switch} choices=${T.plan.rights} save=${choice((allow_switch) => ({ allow_switch }))} />
    <${Choice} label=${T.plan.allowReturn} value=${all.allow_return} choices=${T.plan.rights} save=${choice((allow_return) => ({ allow_return }))} />
    <${Choice} label=${T.plan.lateJoin} value=${all.late_join} choices=${T.plan.lateJoins} save=${choice((late_join) => ({ late_join }))} />
    <${Choice} label=${T.plan.onFailure} value=${all.on_room_failure} choices=${T.plan.onFailures} save=${choice((on_room_failure) => ({ on_room_failure }))} />`;
}

function Schedule({ all, patch }) {
  const at = useSignal("");
  if (!mayChange()) return html`<p class="hint">${T.plan.startAt}: ${all.scheduled_for ?? "–"}</p>`;
  const plan = (event) => {
    event.preventDefault();
    if (at.value) patch({ start: new Date(at.value).toISOString() });
  };
  return html`<form onSubmit=${plan} class="stack">
    <div class="field"><label for="start-at">${T.plan.startAt}</label>
      <input id="start-at" type="datetime-local" value=${at.value} onInput=${(event) => (at.value = event.currentTarget.value)} /></div>
    <div class="buttons">
      <button type="submit">${T.plan.schedule}</button>
      ${all.state === "scheduled" && html`<button type="button" onClick=${() => patch({ start: "manual" })}>${T.plan.unschedule}</button>`}
    </div>
  </form>`;
}
