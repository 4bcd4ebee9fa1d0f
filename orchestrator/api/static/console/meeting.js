// One meeting: who is there, live, and its breakouts: what runs, what is planned, what is over.
import { call, get, isPassing, list, mayChange, post, SAME_MS } from "./api.js";
import { CsvImport } from "./csv.js";
import { html, useComputed, useEffect, useMemo, useRef, useSignal } from "./lib.js";
import { Press } from "./once.js";
import { Badge, Capped, Empty, Heading } from "./parts.js";
import { RoundsForm } from "./rounds.js";
import { go, Link } from "./router.js";
import { attempt } from "./say.js";
import { orAsk } from "./stale.js";
import { gently } from "./stream.js";
import { own, T } from "./texts.js";
import { dateOf } from "./time.js";

const RUNNING = new Set(["opening", "open", "closing"]);
const PLANNED = new Set(["draft", "scheduled"]);
const PEOPLE_IN_A_ROOM = 5;
const READ_MS = 600; // at most so often

export function Meeting({ roster }) {
  const meeting = roster.meeting.value;
  const breakouts = useSignal(null);
  const asking = useSignal(null);
  const source = useMemo(() => {
    const read = () => readBreakouts(roster, breakouts);
    const left = roster.stopper.signal;
    return { read, readSoon: gently(read, READ_MS, left), left };
  }, []);
  useEffect(() => source.readSoon(), [roster.breakoutsChanged.value]);
  const all = breakouts.value ?? [];
  const last = useRef(null); // asked for again as it was: the list may show by now what came of it
  const make = async () => {
    const isAgain = Date.now() - last.current?.at < SAME_MS;
    last.current = { body: isAgain ? last.current.body : newPlan(all, meeting), at: Date.now() };
    const made = await post(`${roster.path}/breakouts`, last.current.body).catch((error) => {
      if (!isPassing(error)) last.current = null;
      throw error;
    });
    last.current = null;
    // Perhaps it was there after all, and has been discarded since.
    return isAgain && (await get(`/v1/breakouts/${made.id}`)).state === "cancelled" ? make() : made;
  };
  const add = async () => {
    const made = await attempt(make);
    if (made) go("breakouts", made.id);
  };
  return html`<main class="page">
    <nav class="crumbs" aria-label=${T.meetings.title}><${Link} to="home">${T.meetings.title}<//></nav>
    <header class="page-head">
      <div><${Heading} title=${own(meeting.title)}>${meeting.title}<//>
        <p class="sub"><span>${T.meetings.present(meeting.present_count, meeting.participant_count)}</span>${meeting.ends_at && html`<span>${T.meeting.ends(dateOf(meeting.ends_at))}</span>`}</p></div>
      ${mayChange() && html`<div class="head-act buttons">
        <button type="button" onClick=${() => (asking.value = "csv")}>${T.meeting.csv}</button>
        <button type="button" onClick=${() => (asking.value = "rounds")}>${T.meeting.rounds}</button>
        <${Press} class="primary big" work=${add}>${T.meeting.add}<//></div>`}
    </header>
    <div class="columns">
      <div>
        ${breakouts.value === null && html`<div class="skeleton" role="progressbar" aria-label=${T.loading}></div>`}
        <${List} title=${T.meeting.running} items=${all.filter((one) => RUNNING.has(one.state))} source=${source} />
        <${List} title=${T.meeting.planned} items=${all.filter((one) => PLANNED.has(one.state)).reverse()} source=${source}
          empty=${breakouts.value && html`<${Empty} title=${T.meeting.nonePlanned} lead=${mayChange() && T.meeting.nonePlannedLead} />`} />
        <${List} title=${T.meeting.past} items=${all.filter((one) => !RUNNING.has(one.state) && !PLANNED.has(one.state))} source=${source} />
      </div>
      <${People} roster=${roster} meeting=${meeting} />
    </div>
    ${asking.value === "csv" && html`<${CsvImport} roster=${roster} onClose=${() => (asking.value = null)} />`}
    ${asking.value === "rounds" && html`<${RoundsForm} roster=${roster} onClose=${() => ((asking.value = null), source.readSoon())} />`}
  </main>`;
}

async function readBreakouts(roster, breakouts) {
  breakouts.value = await list(`${roster.path}/breakouts?order=desc`, roster.stopper.signal);
}

/** A new plan is like the last one, but for who sits where; the first has a room for every five people. */
function newPlan(breakouts, meeting) {
  const last = breakouts[0];
  const rooms = Math.max(2, Math.min(50, Math.round(meeting.participant_count / PEOPLE_IN_A_ROOM)));
  if (!last) return { rooms };
  const { duration_seconds, countdown_seconds, warn_before_seconds, record, recording, allow_switch, allow_return, late_join, on_room_failure, room_size } = last;
  const size = room_size ? { room_size } : { rooms: last.progress.rooms.total || rooms };
  return { ...size, duration_seconds, countdown_seconds, warn_before_seconds, record, recording, allow_switch, allow_return, late_join, on_room_failure };
}

function List({ title, items, empty, source }) {
  if (!items.length) return empty ?? null;
  return html`<section class="panel"><h2>${title}</h2>
    <${Capped} items=${items} of=${30} more=${T.meeting.more}>${(some) => html`<ul class="list">${some.map((one) => html`<${Row} key=${one.id} one=${one} source=${source} />`)}</ul>`}<//>
  </section>`;
}

function Row({ one, source }) {
  const cancel = (match) => call("POST", `/v1/breakouts/${one.id}/cancel`, { match });
  const work = () => cancel(one.version).catch((error) => orAsk(error, cancel, source));
  const discard = async () => (await attempt(work, T.meeting.discarded(one.name))) && source.readSoon();
  return html`<li><${Link} to="breakouts" id=${one.id} class="list-row">
      <b>${one.name}</b> <${Badge} state=${one.state} />
      <span class="note">${one.round && `${T.meeting.round(one.round)} · `}${one.scheduled_for ? dateOf(one.scheduled_for) : one.opened_at ? dateOf(one.opened_at) : T.rooms(one.progress.rooms.total)}</span>
    <//>
    ${mayChange() && PLANNED.has(one.state) && html`<${Press} class="quiet" aria-label=${T.meeting.discard(one.name)} work=${discard}>×<//>`}</li>`;
}

function People({ roster, meeting }) {
  const words = useSignal("");
  const sorted = useComputed(() => (roster.size.value, [...roster.people.values()].sort((a, b) => a.peek().name.localeCompare(b.peek().name))));
  const asked = words.value.trim().toLowerCase();
  const found = asked ? sorted.value.filter((one) => one.value.name.toLowerCase().includes(asked) || one.value.custom_participant_id.toLowerCase().includes(asked)) : sorted.value;
  return html`<aside class="panel" aria-labelledby="people-title">
    <h2 id="people-title">${T.meeting.people} <span class="tally">${sorted.value.length}</span></h2>
    ${sorted.value.length > 10 && html`<input type="search" class="search" aria-label=${T.meeting.search} placeholder=${T.meeting.search} value=${words.value} onInput=${(event) => (words.value = event.currentTarget.value)} />`}
    ${!roster.isWhole.value && sorted.value.length === 0 && html`<div class="skeleton" role="progressbar" aria-label=${T.loading}></div>`}
    ${roster.isWhole.value && sorted.value.length === 0 && html`<${Empty} title=${T.meeting.nobody} lead=${T.meeting.nobodyLead} />`}
    <${Capped} items=${found} of=${60} more=${T.meeting.more}>${(some) => html`<ul class="people-list">${some.map((one) => html`<${Someone} key=${one.peek().id} one=${one} />`)}</ul>`}<//>
    ${meeting.unregistered_present.length > 0 && html`<p class="hint">${T.meeting.unregistered(meeting.unregistered_present.length)}</p>`}
  </aside>`;
}

function Someone({ one }) {
  const { name, role, location } = one.value;
  return html`<li class=${`is-${location}`}><span class="mark" aria-hidden="true"></span><span class="who">${name}</span>
    ${role === "host" && html`<span class="note">${T.meeting.host}</span>`}<span class="note">${T.meeting.location[location]}</span></li>`;
}
