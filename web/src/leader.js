import { pause, sleep } from "./waiting.js";

const ASK = 1500, UNANSWERED = 2;

/** One tab of a browser works for all that have the same key; another takes over from one that answers no more. */
export class Leader {
  #signal; #does; #channel; #term = null; #unanswered = 0;
  /**
   * `work(signal)` is the leader's, `hear(data)` the others', `about()` is what a leader says when it is asked, and
   * `ready()` resolves when this tab may lead.
   */
  constructor(signal, does) {
    this.#signal = signal;
    this.#does = does;
  }
  get isAlone() {
    return !this.#channel;
  }
  start(key) {
    const locks = globalThis.navigator?.locks;
    try {
      this.#channel = key && locks && new BroadcastChannel(key);
    } catch {}
    if (!this.#channel) return void this.#does.work(this.#signal);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.#signal.addEventListener("abort", () => this.#channel.close());
    this.#queue(locks, key);
  }
  tell(data) {
    if (!this.#signal.aborted) this.#channel?.postMessage(data);
  }
  #heard(data) {
    if (data.ask) return void (this.#term && this.tell({ alive: true, ...this.#does.about?.() }));
    if (this.#term) return;
    this.#unanswered = 0;
    this.#does.hear(data);
  }
  async #queue(locks, key) {
    const ended = this.#signal;
    while (!ended.aborted) {
      await this.#does.ready?.();
      const waiting = new AbortController(), end = () => waiting.abort();
      ended.addEventListener("abort", end);
      this.#unanswered = 0;
      const asking = setInterval(() => {
        if (this.#term) return;
        if (++this.#unanswered > UNANSWERED) end();
        else this.tell({ ask: true });
      }, ASK);
      let deposed;
      const lead = async () => {
        if (ended.aborted) return;
        const leading = (this.#term = new AbortController());
        deposed = () => {
          leading.abort();
          if (this.#term === leading) this.#term = null;
        };
        ended.addEventListener("abort", deposed);
        await this.#does.work(leading.signal).finally(() => (deposed(), ended.removeEventListener("abort", deposed)));
      };
      await locks.request(key, { signal: waiting.signal }, lead).catch((cause) => {
        deposed?.();
        if (cause.name !== "AbortError") return this.#does.work(ended);
      });
      // A leader that answers no more is asleep: its place is taken.
      if (waiting.signal.aborted && !ended.aborted) {
        await locks.request(key, { steal: true }, lead).catch(() => deposed?.());
      }
      clearInterval(asking);
      ended.removeEventListener("abort", end);
      await sleep(pause(5), ended);
    }
  }
}
