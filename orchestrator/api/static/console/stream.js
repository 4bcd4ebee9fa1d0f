// A stream of server-sent events, read with fetch: it comes back by itself, from where it was.
import { ended, ROOT, session } from "./api.js";
import { effect, signal } from "./lib.js";

const SILENCE_MS = 45_000; // the server says something every 15 s
const WAIT_MS = [300, 15_000];
/** How many streams are down now: the page says so. */
export const lost = signal(0);

/** Reads one response; calls `take` for each event, and `sign` for each sign of life. */
async function read(response, take, sign) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    sign();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "" || line === "\r") {
        if (event.event) take(event);
        event = {};
      } else if (line[0] !== ":") {
        const at = line.indexOf(":");
        event[line.slice(0, at)] = line.slice(at + 1).trim();
      }
    }
  }
}

const signedIn = () =>
  new Promise((go) => {
    const stop = effect(() => {
      if (session.value && !ended.value) queueMicrotask(() => (stop(), go()));
    });
  });

/**
 * Follows a stream until the function that this returns is called.
 * `opened(isAgain)` after each connecting: what was missed is to be read then. `gone` where there is no such stream.
 */
export function follow(path, { take, opened, gone, lastId }) {
  const all = new AbortController();
  let last = lastId;
  let wait = WAIT_MS[0];
  let isDown = false;
  const down = (now) => {
    if (now !== isDown) lost.value += now ? 1 : -1;
    isDown = now;
  };

  async function connect(isAgain) {
    const one = new AbortController();
    all.signal.addEventListener("abort", () => one.abort());
    let silence = setTimeout(() => one.abort(), SILENCE_MS);
    const sign = () => {
      clearTimeout(silence);
      silence = setTimeout(() => one.abort(), SILENCE_MS);
    };
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": String(last) } : {}) };
      const response = await fetch(ROOT + path, { headers, signal: one.signal, cache: "no-store" });
      if (response.status === 401) {
        ended.value = true;
        await signedIn();
        return;
      }
      if (response.status === 404) {
        all.abort();
        gone?.();
        return;
      }
      if (!response.ok) return;
      down(false);
      wait = WAIT_MS[0];
      opened?.(isAgain);
      await read(response, (event) => ((last = event.id || last), take(event.event, JSON.parse(event.data))), sign);
    } finally {
      clearTimeout(silence);
      one.abort();
    }
  }

  (async () => {
    for (let tries = 0; !all.signal.aborted; tries++) {
      await connect(tries > 0).catch(() => {});
      if (all.signal.aborted) break;
      down(true);
      await new Promise((wake) => {
        const timer = setTimeout(wake, wait * (0.5 + Math.random()));
        for (const name of ["online", "focus"]) addEventListener(name, () => (clearTimeout(timer), wake()), { once: true });
      });
      wait = Math.min(wait * 2, WAIT_MS[1]);
    }
    down(false);
  })();
  return () => all.abort();
}

/** Collects what comes in quick succession and hands it on once for each frame. */
export function perFrame(handle) {
  let waiting = [];
  return (...one) => {
    waiting.push(one);
    if (waiting.length > 1) return;
    const flush = () => {
      const now = waiting;
      waiting = [];
      handle(now);
    };
    if (document.hidden) setTimeout(flush, 250);
    else requestAnimationFrame(flush);
  };
}

/** Runs `work` soon, at most once in `ms`, and once more when it was asked for meanwhile. Works one after the other. */
export function gently(work, ms) {
  let timer = null;
  let isBusy = false;
  let isWanted = false;
  let begun = -Infinity;
  const run = async () => {
    timer = null;
    isBusy = true;
    isWanted = false;
    begun = performance.now();
    try {
      await work();
    } catch {
      // whoever shows the data says so
    } finally {
      isBusy = false;
      if (isWanted) want();
    }
  };
  const want = () => {
    isWanted = true;
    if (isBusy || timer !== null) return;
    timer = setTimeout(run, Math.max(30, begun + ms - performance.now()));
  };
  want.stop = () => clearTimeout(timer);
  return want;
}
