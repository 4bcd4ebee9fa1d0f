import { Leader } from "./leader.js";
import { attempt, pause, sleep } from "./waiting.js";

/** Where this person should be, for all tabs of a browser: one of them reads the stream and tells the others. */
export class Seat {
  #api; #leader; #lastId; #told = new Set(); #abort = new AbortController(); #isOpen = false;
  constructor(api, hear) {
    this.#api = api;
    this.hear = hear;
    this.now = null;
    this.#leader = new Leader(api.signal, {
      work: (signal) => this.#lead(signal),
      hear: (data) => this.#heard(data),
      about: () => ({ lastId: this.#lastId }),
    });
  }
  async ask() {
    this.#take(await this.#api.call("GET", "/v1/seat"));
    return this.now;
  }
  #take(seat, isBack) {
    if (!isBack && this.now && seat.version < this.now.version) return;
    const before = this.now;
    this.now = seat;
    if (JSON.stringify(before) !== JSON.stringify(seat)) this.hear("seat", seat, before);
  }
  /** Take what a call answers. The stream is in order, so it knows the counts of the present version better. */
  take(seat) {
    if (seat.version !== this.now?.version) this.#take(seat);
    return seat;
  }
  #said(name, data, id, isBack) {
    this.#lastId = id || this.#lastId;
    if (isBack) this.#told.clear(); // ids come a second time
    if (name === "seat") return this.#take(data, isBack);
    const key = `${name} ${id}`;
    if (id && this.#told.has(key)) return;
    this.#told.add(key);
    this.hear(name, data);
  }
  start() {
    this.#api.onToken = () => this.#isOpen && this.#abort.abort(); // one that is being opened takes it anyway
    this.#leader.start(this.#api.whose);
  }
  #heard({ name, data, id, isBack, lastId }) {
    this.#lastId = lastId ?? this.#lastId;
    if (name) this.#said(name, data, id, isBack);
  }
  /**
   * Read the stream again and again. Without a token that is good another tab should try.
   *
   * A stream that begins with an older seat than was known when it was opened tells that a backup was restored.
   */
  async #lead(signal) {
    for (let tries = 0; !signal.aborted; tries++) {
      this.#abort = new AbortController();
      const end = () => this.#abort.abort();
      signal.addEventListener("abort", end);
      let wait = 0, refused = false, known = this.now?.version;
      try {
        await this.#api.stream("/v1/seat/events", this.#lastId, {
          signal: this.#abort.signal,
          onEvent: (name, data, id) => {
            tries = 0;
            const isBack = name === "seat" && data.version < known;
            if (name === "seat") known = 0;
            this.#said(name, data, id, isBack);
            this.#leader.tell({ name, data, id, isBack });
          },
          onOpen: () => (this.#isOpen = true),
          onSilence: () => this.#poll(),
        });
      } catch (cause) {
        wait = cause.wait ?? 0;
        refused = cause.status === 401;
        if (!this.#abort.signal.aborted) this.#api.fail(cause.code ?? "network", "the seat's stream has ended", cause);
      }
      this.#isOpen = false;
      signal.removeEventListener("abort", end);
      if (signal.aborted || (refused && !this.#leader.isAlone)) return;
      if (tries) await this.#poll();
      await sleep(Math.max(wait, pause(tries)), signal);
    }
  }
  #poll() {
    return attempt(async () => {
      const data = await this.ask();
      this.#leader.tell({ name: "seat", data });
    });
  }
}
