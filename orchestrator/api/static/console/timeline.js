// Who was where, drawn: a line for each person, or each room, over the time of the breakout.
import { html } from "./lib.js";
import { Capped } from "./parts.js";
import { T } from "./texts.js";
import { secondOf } from "./time.js";

const BAR = 20;
const LANE = BAR + 4;
const TICKS = 5;
const HUES = 6; // as many as console.css has; the room's name stands in each bar too

export function Timeline({ rows, all, rooms, isByRoom }) {
  const indexOf = new Map(rooms.map((room, index) => [room.id, index]));
  const ends = rows.map((one) => Date.parse(one.left_at ?? all.closed_at ?? Date.now()));
  const begin = Math.min(...rows.map((one) => Date.parse(one.joined_at)));
  const end = Math.max(begin + 1000, ...ends);
  const x = (time) => ((time - begin) / (end - begin)) * 100;
  const order = isByRoom ? (a, b) => (indexOf.get(a.room_id) ?? 0) - (indexOf.get(b.room_id) ?? 0) : (a, b) => a.name.localeCompare(b.name);
  const lines = grouped([...rows].sort(order), isByRoom ? (one) => one.room_id : (one) => one.custom_participant_id);
  const draw = (one, row) => bar(one, x, end, indexOf.get(one.room_id) ?? 0, isByRoom, row);
  return html`<div class="timeline">
    <div class="line axis" aria-hidden="true"><span></span><div class="ticks">
      ${Array.from({ length: TICKS }, (_, n) => html`<span key=${n}>${secondOf(begin + ((end - begin) * n) / (TICKS - 1))}</span>`)}
    </div></div>
    <${Capped} items=${lines} of=${100}>${(some) => some.map(([key, group]) => {
      const label = isByRoom ? group[0].room_name : group[0].name;
      const lanes = lanesOf(group);
      return html`<div class="line" key=${key}><span class="line-name">${label}</span>
        <svg width="100%" height=${lanes.length * LANE} role="img" aria-label=${group.map(wordsOf).join("; ")}>
          ${lanes.map((lane, row) => lane.map((one) => draw(one, row)))}
        </svg></div>`;
    })}<//>
  </div>`;
}

/** A bar is a picture in the picture, so that its words are cut at its end, and not stretched with the time. */
function bar(one, x, end, room, isByRoom, row) {
  const from = x(Date.parse(one.joined_at));
  const width = Math.max(0.4, x(one.left_at ? Date.parse(one.left_at) : end) - from);
  return html`<svg key=${`${one.joined_at} ${one.custom_participant_id}`} x=${`${from}%`} width=${`${width}%`} y=${row * LANE} height=${BAR}>
    <title>${wordsOf(one)}</title>
    <rect width="100%" height="100%" rx="4" class=${`bar hue-${room % HUES} ${one.presumed ? "is-presumed" : ""}`} />
    <text x="7" y="14">${isByRoom ? one.name : one.room_name}</text>
  </svg>`;
}

const wordsOf = (one) =>
  T.after.bar(one.name, one.room_name, secondOf(one.joined_at), one.left_at ? secondOf(one.left_at) : T.after.stillThere) + (one.presumed ? ` (${T.after.presumed})` : "");

function grouped(rows, keyOf) {
  const groups = new Map();
  for (const one of rows) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return [...groups];
}

/** Stays that overlap stand below each other. */
function lanesOf(group) {
  const lanes = [];
  for (const one of [...group].sort((a, b) => (a.joined_at < b.joined_at ? -1 : 1))) {
    const free = lanes.find((lane) => lane.at(-1).left_at && lane.at(-1).left_at <= one.joined_at);
    if (free) free.push(one);
    else lanes.push([one]);
  }
  return lanes;
}
