// The rooms and their people: choosing by mouse, touch and keyboard, dragging, and finding.
import { mayChange } from "./api.js";
import { effect, html, useComputed, useEffect, useRef, useSignal } from "./lib.js";
import { MoveDialog } from "./move.js";
import { Press } from "./once.js";
import { Capped, useNear } from "./parts.js";
import { RoomDialog } from "./room.js";
import { complain, refuse } from "./say.js";
import { T } from "./texts.js";

const DRAGGED = "application/x-breakouts-people";
const CARDS_PER_FRAME = 20;
const TYPING_MS = 120;
const LAZY_FROM_ROOMS = 60;
const DRAWN_AT_FIRST = 60; // of a list of people
const REACH_FRAMES = 60;

/** `tools` stand beside the search; `Head` is what a page adds to each card; `nameOf` knows who has no room. */
export function Board({ breakout, isLive, tools, Head, nameOf }) {
  const words = useSignal("");
  const moving = useSignal(null);
  const options = useSignal(null);
  const asked = words.value.trim().toLowerCase();
  const ask = () => {
    const people = breakout.chosenPeople();
    if (!people.length) complain(T.board.chooseFirst);
    else moving.value = people;
  };
  const rooms = breakout.rooms.value;
  const isLazy = rooms.length > LAZY_FROM_ROOMS || breakout.isLarge;
  const found = asked ? rooms.filter((room) => matches(room, asked)) : rooms;
  const shown = useGrowing(found.length, isLazy, asked);
  return html`<section class="board" aria-label=${T.rooms(rooms.length)} onKeyDown=${(event) => onKey(event, ask, breakout)}>
    <div class="toolbar">
      <${Search} words=${words} />
      ${tools}
      ${mayChange() && html`<${Chosen} breakout=${breakout} ask=${ask} isLive=${isLive} />`}
    </div>
    ${mayChange() && html`<p class="hint board-hint">${T.board.hint}</p>`}
    <div class=${`cards ${isLazy ? "is-many" : ""}`}>
      ${found.slice(0, shown).map(
        (room) => html`<${Card} key=${room.id} room=${room} breakout=${breakout} isLive=${isLive} asked=${asked} Head=${Head} options=${options} isLazy=${isLazy} />`,
      )}
      <${MainCard} breakout=${breakout} isLive=${isLive} asked=${asked} nameOf=${nameOf} isAlone=${!found.length} />
    </div>
    <${Options} of=${options} breakout=${breakout} />
    ${moving.value && html`<${MoveDialog} breakout=${breakout} people=${moving.value} onClose=${() => (focusSoon(moving.value[0]), (moving.value = null))} />`}
  </section>`;
}

/** The options of a room. They stay while its card is taken off the page: by a search that it no longer matches. */
function Options({ of, breakout }) {
  const room = of.value;
  if (!room || !breakout.rooms.value.includes(room)) return null;
  return html`<${RoomDialog} key=${room.id} room=${room} breakout=${breakout} onClose=${() => (focusSoon(), (of.value = null))} />`;
}

/** The field to search in. What is typed shows at once, and what it finds a little later. */
function Search({ words }) {
  const timer = useRef();
  const onInput = (event) => {
    const text = event.currentTarget.value;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (words.value = text), TYPING_MS);
  };
  return html`<input type="search" class="search" placeholder=${T.board.search} aria-label=${T.board.search} onInput=${onInput} />`;
}

/** Where what had the focus is gone once the page is drawn again, lets keys go on from where somebody is now. */
function focusSoon(person) {
  const focus = () => document.activeElement === document.body && reach(person);
  requestAnimationFrame(() => requestAnimationFrame(focus));
}

/**
 * Gives the focus to somebody. What of their card is not on the page is put there first, in some frames, unless the
 * focus goes elsewhere meanwhile. Where they can't be shown, the search has it.
 */
function reach(person) {
  const before = document.activeElement;
  const look = (frames) => {
    if (document.activeElement !== before) return;
    const seat = person && document.querySelector(`.board [data-id="${CSS.escape(person.id)}"]`);
    if (seat) return seat.focus();
    if (!person || !frames) return document.querySelector(".board .search").focus();
    const card = document.querySelector(`.board [data-room="${person.room.peek()?.id ?? ""}"]`);
    card?.scrollIntoView({ block: "nearest" });
    card?.querySelector(".people + button")?.click();
    requestAnimationFrame(() => look(frames - 1));
  };
  look(REACH_FRAMES);
}

const has = (text, asked) => text.toLowerCase().includes(asked);
const matches = (room, asked) => has(room.all.peek().name, asked) || room.people.peek().some((one) => has(one.name.peek(), asked));

/** Puts many cards on the page a few in each frame, so that no frame takes long. Another search begins anew. */
function useGrowing(total, isLazy, asked) {
  const shown = useSignal(CARDS_PER_FRAME);
  const last = useRef(asked);
  if (last.current !== asked) {
    last.current = asked;
    shown.value = CARDS_PER_FRAME;
  }
  useEffect(() => {
    if (!isLazy || shown.value >= total) return undefined;
    const frame = requestAnimationFrame(() => (shown.value += CARDS_PER_FRAME));
    return () => cancelAnimationFrame(frame);
  }, [shown.value, total, isLazy]);
  return isLazy ? shown.value : total;
}

function Chosen({ breakout, ask, isLive }) {
  const n = breakout.chosen.value;
  const pin = () => Promise.all(breakout.chosenPeople().map((one) => one.room.peek() && pinHere(breakout, one)));
  return html`<div class="chosen">
    <span class="hint" aria-live="polite">${T.board.chosen(n)}</span>
    <button type="button" onClick=${ask} aria-keyshortcuts="m">${T.board.move}</button>
    ${!isLive && n > 0 && html`<${Press} work=${pin}>${T.board.pin}<//>`}
    ${n > 0 && html`<button type="button" class="quiet" onClick=${() => breakout.chooseNobody()}>${T.board.clear}</button>`}
  </div>`;
}

const pinHere = (breakout, person) =>
  breakout
    .change("PUT", `/participants/${encodeURIComponent(person.id)}/room`, { room_id: person.room.peek().id })
    .catch((error) => refuse(error, (why) => T.board.notMoved(person.name.peek(), why)));

function useDrop(breakout, room) {
  const isOver = useSignal(false);
  if (!mayChange()) return [false, {}];
  const drop = (event) => {
    isOver.value = false;
    const ids = JSON.parse(event.dataTransfer.getData(DRAGGED) || "[]");
    event.preventDefault();
    breakout.move(ids.map((id) => breakout.people.get(id)).filter(Boolean), room);
  };
  const over = (event) => {
    if (!event.dataTransfer.types.includes(DRAGGED)) return;
    event.preventDefault();
    isOver.value = true;
  };
  const leave = (event) => !event.currentTarget.contains(event.relatedTarget) && (isOver.value = false);
  return [isOver.value, { onDrop: drop, onDragOver: over, onDragLeave: leave }];
}

function Card({ room, breakout, isLive, asked, Head, options, isLazy }) {
  const ref = useRef();
  const isNear = useNear(ref, isLazy);
  const [isOver, drops] = useDrop(breakout, room);
  const all = room.all.value;
  const people = room.people.value;
  const found = !asked || has(all.name, asked) ? people : people.filter((one) => has(one.name.value, asked));
  const height = isNear ? undefined : { minHeight: `${7 + Math.min(people.length, 100) * 2.1}rem` };
  return html`<div role="group" aria-label=${all.name} data-room=${room.id} class=${`card is-${all.state} ${isOver ? "is-over" : ""}`} ref=${ref} style=${height} ...${drops}>
    <div class="card-head">
      <h3>${all.name}</h3>
      <${Count} room=${room} isLive=${isLive} />
    </div>
    ${isNear && html`${Head && html`<${Head} room=${room} breakout=${breakout} ask=${() => (options.value = room)} />`}<${People} people=${found} label=${T.board.peopleOf(all.name)} breakout=${breakout} isLive=${isLive} facilitators=${all.facilitators} />`}
  </div>`;
}

function Count({ room, isLive }) {
  const n = room.people.value.length;
  const most = room.all.value.max_participants;
  const words = isLive ? T.live.count(room.here.value, n) : most ? T.board.full(n, most) : T.people(n);
  return html`<span class="count">${words}</span>`;
}

function MainCard({ breakout, isLive, asked, nameOf, isAlone }) {
  const [isOver, drops] = useDrop(breakout, null);
  const people = breakout.unassigned.value;
  useNames(people, nameOf);
  const found = asked ? people.filter((one) => has(one.name.value, asked)) : people;
  if (asked && !found.length) return isAlone ? html`<p class="hint">${T.board.noMatch}</p>` : null;
  return html`<div role="group" aria-label=${T.board.main} data-room="" class=${`card is-main ${isOver ? "is-over" : ""}`} ...${drops}>
    <div class="card-head"><h3>${T.board.main}</h3><span class="count">${T.people(people.length)}</span></div>
    <${People} people=${found} label=${T.board.peopleOf(T.board.main)} breakout=${breakout} isLive=${isLive} isMain />
  </div>`;
}

/** B tells only the ids of those who have no room; the meeting's people have names. */
function useNames(people, nameOf) {
  useEffect(() => effect(() => people.forEach((one) => (one.name.value = nameOf(one.id)))), [people]);
}

function People({ people, label, breakout, isLive, isMain, facilitators = [] }) {
  const active = useSignal(null);
  if (!people.length) return html`<p class="nobody">${T.board.empty}</p>`;
  const isThere = people.some((one) => one.id === active.value);
  return html`<${Capped} items=${people} of=${DRAWN_AT_FIRST}>
    ${(some) => html`<ul class="people" role="listbox" aria-multiselectable="true" aria-label=${label}
      onKeyDown=${(event) => onListKey(event, people, breakout)}
      onFocusIn=${(event) => (active.value = event.target.dataset.id ?? active.value)}>
      ${some.map(
        (one, index) => html`<${Seat} key=${one.id} person=${one} breakout=${breakout} isLive=${isLive} isMain=${isMain}
          isFacilitator=${facilitators.includes(one.id)} isActive=${isThere ? one.id === active.value : index === 0} />`,
      )}
    </ul>`}
  <//>`;
}

function Seat({ person, breakout, isLive, isMain, isFacilitator, isActive }) {
  const state = person.state.value;
  const isChosen = person.chosen.value;
  const can = mayChange();
  const drag = (event) => {
    const people = isChosen ? breakout.chosenPeople() : [person];
    event.dataTransfer.setData(DRAGGED, JSON.stringify(people.map((one) => one.id)));
    event.dataTransfer.effectAllowed = "move";
  };
  return html`<li role="option" aria-selected=${isChosen} tabindex=${isActive ? 0 : -1} draggable=${can} data-id=${person.id}
    class=${`seat ${isLive && !isMain ? `is-${state}` : ""}`} onDragStart=${drag}
    onClick=${can ? () => breakout.choose([person], !isChosen) : undefined}>
    ${isLive && !isMain && html`<span class="mark" aria-hidden="true"></span>`}
    <span class="who">${person.name.value}</span>
    ${isFacilitator && html`<span class="note">${T.board.facilitator}</span>`}
    ${!isLive && person.pinned.value && html`<span class="note pin">${T.board.pinned}</span>`}
    ${isLive && !isMain && html`<span class="note state">${T.seat[state]}</span>`}
  </li>`;
}

/** Keys that are about all of a list, those included who are not drawn yet: Ctrl+A, and the arrow on from the last. */
function onListKey(event, people, breakout) {
  const isLast = event.target.dataset.id && !event.target.nextElementSibling;
  const next = event.key === "ArrowDown" && isLast && people[people.findIndex((one) => one.id === event.target.dataset.id) + 1];
  if (next) {
    reach(next);
    if (mayChange() && event.shiftKey) breakout.choose([breakout.people.get(event.target.dataset.id), next], true);
  } else if (event.key === "a" && (event.ctrlKey || event.metaKey) && mayChange()) breakout.choose(people, true);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Other keys in the lists: arrows, Home and End, Space to choose, Shift to choose on the way, M to move. */
function onKey(event, ask, breakout) {
  const option = event.target.closest?.('[role="option"][data-id]');
  if (!option) return;
  const list = option.parentElement;
  const to = { ArrowDown: option.nextElementSibling, ArrowUp: option.previousElementSibling, Home: list.firstElementChild, End: list.lastElementChild }[event.key];
  const person = breakout.people.get(option.dataset.id);
  const can = mayChange();
  if (to !== undefined) {
    to?.focus();
    if (can && event.shiftKey && to) breakout.choose([person, breakout.people.get(to.dataset.id)], true);
  } else if (event.key === " " && can) breakout.choose([person], !person.chosen.peek());
  else if ((event.key === "m" || event.key === "M" || event.key === "Enter") && can && !event.ctrlKey && !event.metaKey) {
    if (!breakout.chosen.peek()) breakout.choose([person], true);
    ask();
  } else if (event.key === "Escape") breakout.chooseNobody();
  else return;
  event.preventDefault();
}

/** How many people of all rooms are in their room. */
export function InRooms({ breakout }) {
  const counts = useComputed(() => breakout.rooms.value.reduce(([here, all], room) => [here + room.here.value, all + room.people.value.length], [0, 0]));
  return html`<span>${T.live.inRooms(...counts.value)}</span>`;
}
