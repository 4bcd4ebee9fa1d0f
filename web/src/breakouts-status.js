// What RealtimeKit's breakout UI has no place for: the time that is left, who is where they should be, what went wrong.

/** All texts. `{…}` stands for what is counted or named; where there are forms, `{count}` decides between them. */
export const TEXTS = {
  label: "Time left",
  opening: "The rooms are opening",
  open: "{time} left",
  untimed: "No time limit",
  paused: "Paused, {time} left",
  stopped: "Paused",
  closing: "Everybody is back in {time}",
  closed: "The breakout is over",
  failed: "The breakout could not open",
  people: "{joined} of {total} in their rooms",
  recording: { one: "{count} room is being recorded", other: "{count} rooms are being recorded" },
  problems: { one: "{count} problem", other: "{count} problems" },
  problem: "{room}: {detail}",
  said: { warning: "{time} left", closing: "Everybody is called back, in {time}", problem: "Problem. {text}" },
};
const STYLE = `
  :host { display: block; font-variant-numeric: tabular-nums }
  :host([hidden]) { display: none }
  [part="bar"] { display: flex; flex-wrap: wrap; gap: 0 1.5em; align-items: baseline }
  [part="time"] { font-weight: 600 }
  [part="problems"] summary { cursor: pointer }
  [part="problems"] ul { margin: .25em 0; padding-inline-start: 1.25em }
  [part="said"] { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%) }
  [part]:empty:not([part="said"]) { display: none }`;
const EVENTS = ["breakout", "seat", "warning", "closing"];
const Base = globalThis.HTMLElement ?? class {};

const two = (number) => String(number).padStart(2, "0");
const digits = (all) => {
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
};
const make = (name, part, role) => {
  const made = Object.assign(document.createElement(name), { part });
  if (role) made.setAttribute("role", role);
  return made;
};

/** `<breakouts-status>`: give it the session of `connectBreakouts`. It shows nothing while there is no breakout. */
export class BreakoutsStatus extends Base {
  #session = null; #texts = TEXTS; #skew = 0; #known = new Set(); #shown; #timer; #parts;
  #hear = EVENTS.map((name) => [name, (said) => this.#heard(name, said)]);
  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" }), bar = make("div", "bar");
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const list = make("ul", "list"), summary = make("summary", "count");
    const problems = make("details", "problems");
    const time = make("span", "time", "timer"), said = make("span", "said", "status");
    this.#parts = { time, people: make("span", "people"), recording: make("span", "recording"), said, problems, summary, list };
    problems.append(summary, list);
    bar.append(time, this.#parts.people, this.#parts.recording);
    root.append(bar, problems, said);
    this.#show();
  }
  get session() {
    return this.#session;
  }
  set session(session) {
    for (const [name, fn] of this.#hear) this.#session?.off(name, fn);
    this.#session = session ?? null;
    this.#known = new Set();
    this.#skew = 0;
    for (const [name, fn] of this.#hear) this.#session?.on(name, fn);
    this.#show();
  }
  get texts() {
    return this.#texts;
  }
  set texts(texts) {
    this.#texts = { ...TEXTS, ...texts, said: { ...TEXTS.said, ...texts?.said } };
    this.#show();
  }
  connectedCallback() {
    this.#timer = setInterval(() => this.#show(), 250);
    this.#show();
  }
  disconnectedCallback() {
    clearInterval(this.#timer);
  }
  /** What the host's adapter knows of the breakout; without it, what the person's seat says. */
  get #breakout() {
    return this.#session?.breakout ?? this.#session?.seat?.breakout ?? null;
  }
  get #language() {
    return this.closest("[lang]")?.lang || undefined;
  }
  #heard(name, said) {
    const seconds = { warning: said.remaining_seconds, closing: said.countdown_seconds }[name];
    const ends = this.#session.seat?.breakout?.closes_at; // of the room, as the warning is
    if (name === "warning" && ends) this.#skew = Date.parse(ends) - Date.now() - seconds * 1e3;
    if (seconds !== undefined) this.#say(this.#text(this.#texts.said[name], { time: this.#words(seconds) }));
    this.#show();
  }
  #text(text, values) {
    const form = typeof text === "string" ? text : (text[new Intl.PluralRules(this.#language).select(values.count)] ?? text.other);
    return form.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }
  /** A time as it is spoken: in minutes, where it is some. */
  #words(seconds) {
    const [unit, number] = seconds && seconds % 60 === 0 ? ["minute", seconds / 60] : ["second", seconds];
    return new Intl.NumberFormat(this.#language, { style: "unit", unit, unitDisplay: "long" }).format(number);
  }
  #say(text) {
    this.#parts.said.textContent = text;
  }
  #until(end) {
    return digits(Math.max(0, Math.ceil((Date.parse(end) - this.#skew - Date.now()) / 1e3)));
  }
  #time({ state, closes_at, empties_at, paused, remaining_seconds }) {
    const texts = this.#texts;
    if (paused && state === "open") {
      return remaining_seconds == null ? texts.stopped : this.#text(texts.paused, { time: digits(remaining_seconds) });
    }
    if (state === "open" && !closes_at) return texts.untimed;
    const end = state === "closing" ? empties_at : closes_at;
    return this.#text(texts[state] ?? "", { time: end ? this.#until(end) : digits(0) });
  }
  #show() {
    const breakout = this.#breakout, { time, people, recording } = this.#parts;
    const put = (part, text) => part.textContent !== text && (part.textContent = text);
    time.setAttribute("aria-label", this.#texts.label);
    put(time, breakout ? this.#time(breakout) : "");
    const { participants, recordings } = breakout?.progress ?? {}, runs = breakout?.state === "open";
    put(people, runs && participants ? this.#text(this.#texts.people, participants) : "");
    const count = recordings?.recording;
    put(recording, count ? this.#text(this.#texts.recording, { count }) : "");
    this.#showProblems(breakout);
  }
  #showProblems(breakout) {
    const { problems, summary, list } = this.#parts, found = breakout?.problems ?? [];
    const names = new Map(breakout?.rooms?.map(({ id, name }) => [id, name]));
    const texts = found.map(({ room_id, detail }) =>
      names.has(room_id) ? this.#text(this.#texts.problem, { room: names.get(room_id), detail }) : detail);
    const count = this.#text(this.#texts.problems, { count: texts.length }), shown = JSON.stringify([count, texts]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    problems.hidden = texts.length === 0;
    summary.textContent = count;
    list.replaceChildren(...texts.map((textContent) => Object.assign(document.createElement("li"), { textContent })));
    const keys = found.map((it) => JSON.stringify(it)), fresh = texts.filter((_, index) => !this.#known.has(keys[index]));
    this.#known = new Set(keys);
    if (fresh.length) this.#say(fresh.map((text) => this.#text(this.#texts.said.problem, { text })).join(" "));
  }
}

globalThis.customElements?.get("breakouts-status") ?? globalThis.customElements?.define("breakouts-status", BreakoutsStatus);
