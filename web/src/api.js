import { pause, sleep } from "./waiting.js";

const SILENCE = 45e3, FIRST_BYTE = 10e3, POLL = 3e3, SPARE = 30e3, SHORTEST = 5e3;

const claims = (token) => {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
};

/** What a call throws: {status, code, detail}; `status` is 0 where no answer came that is the server's. */
const refusal = (cause, code, detail = cause.message, status = 0, wait = 0) =>
  Object.assign(new Error(detail, { cause }), { status, code, detail, wait });

/** The HTTP API with one person's token, which it renews. */
export class Api {
  #base; #renew; #renewing; #good; #timer;
  constructor({ baseUrl, clientToken, getClientToken }, fail, signal) {
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#renew = getClientToken;
    this.fail = fail;
    this.signal = signal;
    this.onToken = () => {};
    this.token = clientToken;
    if (clientToken) this.#judge(claims(clientToken).exp * 1e3);
  }
  /** Whose seat it is: the same in all tabs of one person. */
  get whose() {
    const { meeting, sub } = claims(this.token);
    return sub && `breakouts ${this.#base} ${meeting} ${sub}`;
  }
  #judge(end, least = 0) {
    this.#good = end ? Math.max(end - SPARE, least) : Infinity;
    clearTimeout(this.#timer);
    const wait = this.#good - Date.now();
    if (this.#renew && wait > 0 && wait < 2e9) this.#timer = setTimeout(() => this.renew(), wait);
  }
  renew() {
    return (this.#renewing ??= this.#renewed().finally(() => (this.#renewing = null)));
  }
  async #renewed() {
    for (let tries = 0; !this.signal.aborted; tries++) {
      try {
        const token = await this.#renew();
        if (typeof token !== "string" || !token) throw new TypeError("getClientToken gave no token");
        this.token = token;
        const { iat, exp } = claims(token), now = Date.now();
        // By a clock that is wrong here, a new token looks old. One with little left is used, or each call would renew it.
        const end = now > (iat - 60) * 1e3 && now < exp * 1e3 ? exp * 1e3 : now + (exp - iat) * 1e3;
        this.#judge(end, now + SHORTEST);
        this.onToken();
        return;
      } catch (cause) {
        this.fail("client_token", "getClientToken failed", cause);
        await sleep(pause(tries + 2), this.signal);
      }
    }
  }
  async #send(path, options) {
    const headers = { Authorization: `Bearer ${this.token}`, ...options.headers };
    if (options.body) headers["Content-Type"] = "application/json";
    const asked = fetch(this.#base + path, { cache: "no-store", signal: this.signal, ...options, headers });
    return asked.catch((cause) => { throw refusal(cause, "network"); });
  }
  async open(path, options = {}) {
    if (this.#renew && (!this.token || Date.now() > this.#good)) await this.renew();
    const used = this.token;
    let answer = await this.#send(path, options);
    if (answer.status === 401 && this.#renew) {
      answer.body?.cancel();
      if (this.token === used) await this.renew();
      answer = await this.#send(path, options);
    }
    if (answer.ok) return answer;
    const { code = "http_error", detail = answer.statusText } = await answer.json().catch(() => ({}));
    const wait = answer.headers.get("Retry-After") * 1e3 || 0;
    throw refusal(null, code, detail, answer.status, wait);
  }
  async call(method, path, body, headers) {
    const answer = await this.open(path, { method, headers, body: body && JSON.stringify(body) });
    if (answer.status === 204) return null;
    return answer.json().catch((cause) => { throw refusal(cause, "bad_answer"); });
  }
  /** Read one stream to its end; a silent one is given up. */
  async stream(path, lastId, { onEvent, onSilence, onOpen, signal }) {
    const abort = new AbortController(), end = () => abort.abort();
    signal.addEventListener("abort", end);
    let heard = Date.now(), any = false, polled = heard;
    const watch = setInterval(() => {
      const now = Date.now();
      if (now - heard > (any ? SILENCE : FIRST_BYTE)) end();
      else if (!any && now - polled > POLL) (polled = now), onSilence?.();
    }, 500);
    const wake = () => any && Date.now() - heard > 2e4 && end();
    globalThis.addEventListener?.("online", wake);
    globalThis.document?.addEventListener("visibilitychange", wake);
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const answer = await this.open(path, { headers, signal: abort.signal });
      onOpen?.();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "", event = {};
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard = Date.now();
        any = true;
        const lines = (text + value).split(/\r?\n/);
        text = lines.pop();
        for (const line of lines) {
          const [, field, said] = /^([^:]*):? ?(.*)$/.exec(line);
          if (line) event[field] = said;
          else if (event.data) onEvent(event.event, JSON.parse(event.data), event.id), (event = {});
          else event = {};
        }
      }
    } finally {
      clearInterval(watch);
      end();
      signal.removeEventListener("abort", end);
      globalThis.removeEventListener?.("online", wake);
      globalThis.document?.removeEventListener("visibilitychange", wake);
    }
  }
}
