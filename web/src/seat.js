import { attempt, pause, sleep } from "./waiting.js";

const ASK_LEADER = 1500, UNANSWERED = 2;

/** Where this person should be, for all tabs of a browser: one of them reads the stream and tells the others. */
export class Seat {
  #api; #channel; #leads = false; #unanswered = 0; #lastId; #told = new Set(); #abort = new AbortController();
  constructor(api, hear) {
    this.#api = api;
    this.hear = hear;
    this.now = null;
    this.signal = api.signal;
  }
  async ask() {
    this.#take(await this.#api.call("GET", "/v1/seat"));
    return this.now;
  }
  #take(seat) {
    if (this.now && seat.version < this.now.version) return;
    const before = this.now;
    this.now = seat;
    if (JSON.stringify(before) !== JSON.stringify(seat)) this.hear("seat", seat, before);
  }
  /** Take what a call answers. The stream is in order, so it knows the counts of the present version better. */
  take(seat) {
    if (seat.version !== this.now?.version) this.#take(seat);
    return seat;
  }
  #said(name, data, id) {
    this.#lastId = id || this.#lastId;
    if (name === "seat") return this.#take(data);
    const key = `${name} ${id}`;
    if (id && this.#told.has(key)) return;
    this.#told.add(key);
    this.hear(name, data);
  }
  start() {
    const key = this.#api.whose, locks = globalThis.navigator?.locks;
    this.#api.onToken = () => this.#abort.abort();
    try {
      this.#channel = key && locks && new BroadcastChannel(key);
    } catch {}
    if (!this.#channel) return void this.#lead(this.signal);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.signal.addEventListener("abort", () => this.#channel.close());
    this.#queue(locks, key);
  }
  #heard({ ask, name, data, id, lastId }) {
    if (ask) return void (this.#leads && this.#channel.postMessage({ lastId: this.#lastId }));
    if (this.#leads) return;
    this.#unanswered = 0;
    this.#lastId = lastId ?? this.#lastId;
    if (name) this.#said(name, data, id);
  }
  async #queue(locks, key) {
    while (!this.signal.aborted) {
      const waiting = new AbortController(), end = () => waiting.abort();
      this.signal.addEventListener("abort", end);
      this.#unanswered = 0;
      const asking = setInterval(() => {
        if (this.#leads) return;
        if (++this.#unanswered > UNANSWERED) end();
        else this.#channel.postMessage({ ask: true });
      }, ASK_LEADER);
      const lead = async () => {
        if (this.signal.aborted) return;
        const leading = new AbortController();
        this.deposed = () => leading.abort();
        this.signal.addEventListener("abort", this.deposed);
        this.#leads = true;
        await this.#lead(leading.signal).finally(() => (this.#leads = false));
      };
      await locks.request(key, { signal: waiting.signal }, lead).catch((cause) => {
        this.deposed?.();
        if (cause.name !== "AbortError") return this.#lead(this.signal);
      });
      // A leader that answers no more is asleep: its place is taken.
      if (waiting.signal.aborted && !this.signal.aborted) {
        await locks.request(key, { steal: true }, lead).catch(() => this.deposed?.());
      }
      clearInterval(asking);
      this.signal.removeEventListener("abort", end);
      await sleep(pause(5), this.signal);
    }
  }
  /** Read the stream again and again. Without a token that is good another tab should try. */
  async #lead(signal) {
    for (let tries = 0; !signal.aborted; tries++) {
      this.#abort = new AbortController();
      const end = () => this.#abort.abort();
      signal.addEventListener("abort", end);
      let wait = 0, refused = false;
      try {
        await this.#api.stream("/v1/seat/events", this.#lastId, {
          signal: this.#abort.signal,
          onEvent: (name, data, id) => {
            tries = 0;
            this.#said(name, data, id);
            this.#channel?.postMessage({ name, data, id });
          },
          onSilence: () => this.#poll(),
        });
      } catch (cause) {
        wait = cause.wait ?? 0;
        refused = cause.status === 401;
        if (!this.#abort.signal.aborted) this.#api.fail(cause.code ?? "network", "the seat's stream has ended", cause);
      }
      signal.removeEventListener("abort", end);
      if (signal.aborted || (refused && this.#channel)) return;
      if (tries) await this.#poll();
      await sleep(Math.max(wait, pause(tries)), signal);
    }
  }
  #poll() {
    return attempt(async () => {
      const data = await this.ask();
      this.#channel?.postMessage({ name: "seat", data });
    });
  }
}
