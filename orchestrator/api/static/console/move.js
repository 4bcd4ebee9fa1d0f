// "Move to…": a list of rooms to filter by typing; the way that every move can be made by keyboard.
import { html, useEffect, useId, useRef, useSignal } from "./lib.js";
import { Dialog } from "./parts.js";
import { T } from "./texts.js";

const SHOWN_MOST = 100;

export function MoveDialog({ breakout, people, onClose }) {
  const words = useSignal("");
  const at = useSignal(0);
  const id = useId();
  const list = useRef();
  const asked = words.value.trim().toLowerCase();
  const isTaken = (room) => room.all.value.state !== "closed" && room.all.value.state !== "failed" && !room.all.value.deleted;
  const matches = (room) => nameOf(room).toLowerCase().includes(asked);
  const rooms = breakout.rooms.value.filter((room) => isTaken(room) && matches(room));
  const choices = [...rooms.slice(0, SHOWN_MOST), ...[null].filter(matches)];
  const hidden = rooms.length - SHOWN_MOST;
  const choose = (room) => {
    onClose();
    breakout.move(people, room);
  };
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  const onKey = (event) => {
    if (event.key in step) {
      event.preventDefault();
      at.value = Math.max(0, Math.min(choices.length - 1, at.value + step[event.key]));
    } else if (event.key === "Enter" && choices.length) {
      event.preventDefault();
      choose(choices[at.value]);
    }
  };
  useEffect(() => list.current?.children[at.value]?.scrollIntoView({ block: "nearest" }), [at.value]);
  return html`<${Dialog} title=${T.board.moveTitle(people.length)} onClose=${onClose}>
    <div class="field">
      <label for=${id}>${T.board.filter}</label>
      <input id=${id} type="text" role="combobox" autofocus autocomplete="off" aria-expanded="true" aria-controls=${`${id}-list`}
        aria-activedescendant=${choices.length ? `${id}-${at.value}` : undefined} value=${words.value} onKeyDown=${onKey}
        onInput=${(event) => ((words.value = event.currentTarget.value), (at.value = 0))} />
    </div>
    ${choices.length
      ? html`<ul id=${`${id}-list`} role="listbox" aria-label=${T.board.moveTitle(people.length)} class="choices" ref=${list}>
          ${choices.map(
            (room, index) => html`<li key=${room?.id ?? "main"} id=${`${id}-${index}`} role="option" aria-selected=${index === at.value}
              onClick=${() => choose(room)} onMouseMove=${() => (at.value = index)}>
              <span>${nameOf(room)}</span> <span class="count">${room && countOf(room)}</span>
            </li>`,
          )}
        </ul>`
      : html`<p id=${`${id}-list`} class="hint">${T.board.noMatch}</p>`}
    ${hidden > 0 && html`<p class="hint" role="status">${T.board.moreRooms(hidden)}</p>`}
    <div class="buttons"><button type="button" onClick=${onClose}>${T.cancel}</button></div>
  <//>`;
}

const nameOf = (room) => (room ? room.all.value.name : T.board.main);

function countOf(room) {
  const most = room.all.value.max_participants;
  const n = room.people.value.length;
  return most ? T.board.full(n, most) : T.people(n);
}
