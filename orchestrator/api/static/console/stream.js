// Reading that goes on by itself after what passes: streams of server-sent events, and lists that are read again.
import { endSession, isPassing, ROOT, session, signedIn } from "./api.js";
import { signal } from "./lib.js";

const SILENCE_MS = 45_000; // the server says something every 15 s
const WAIT_MS = [300, 15_000];
/** How many streams and readings are being tried again now: the page says so. */
export const lost = signal(0);
/** Told whenever one of them has come through: the others need not wait any longer. */
const through = new EventTarget();

/** Returns what counts one stream or reading among the lost ones, or not any more; never after `stop`. */
function loss(stop) {
  let isDown = false;
  const set = (now) => {
    if (now === isDown) return;
    isDown = now;
    lost.value += now ? 1 : -1;
    if (!now) through.dispatchEvent(new Event("through"));
  };
  stop.addEventListener("abort", () => set(false));
  return (now) => set(now && !stop.aborted);
}

/** Waits before another try; shorter when there is news of the connection. */
async function pause(ms, stop) {
  const woken = new AbortController();
  await new Promise((wake) => {
    const timer = setTimeout(wake, ms);
    const listen = (target, name) => target.addEventListener(name, () => (clearTimeout(timer), wake()), { signal: woken.signal });
    for (const name of ["online", "focus"]) listen(window, name);
    listen(through, "through");
    listen(stop, "abort");
  });
  woken.abort();
}

/** The waits between tries: ever longer, and not the same for all who have lost the same server. */
function* waits() {
  for (let ms = WAIT_MS[0]; ; ms = Math.min(ms * 2, WAIT_MS[1])) yield ms * (0.5 + Math.random());
}

/** Reads, and again after what passes, until it comes through. Throws what no other try would mend. */
export async function insist(work, stop) {
  const wait = waits();
  let down;
  for (;;) {
    try {
      const found = await work();
      down?.(false);
      return found;
    } catch (error) {
      const isOver = error.status === 401;
      (down ??= loss(stop))(isPassing(error));
      if (stop.aborted || !(isOver || isPassing(error))) throw error;
      await (isOver ? signedIn() : pause(Math.max(wait.next().value, (error.retryAfter ?? 0) * 1000), stop));
    }
  }
}

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

/**
 * Follows a stream until the function that this returns is called.
 * `opened(isAgain)` after each connecting: what was missed is to be read then. `gone` where there is no such stream.
 */
export function follow(path, { take, opened, gone, lastId }) {
  const all = new AbortController();
  let last = lastId;
  let wait = waits();
  const down = loss(all.signal);

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
      const who = session.peek();
      const response = await fetch(ROOT + path, { headers, signal: one.signal, cache: "no-store" });
      if (response.status === 401) {
        endSession(who);
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
      wait = waits();
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
      await pause(wait.next().value, all.signal);
    }
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

/**
 * Reads soon, at most once in `ms`, and once more when it was asked for meanwhile, one after the other until `stop`.
 * What passes is waited for.
 */
export function gently(work, ms, stop) {
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
      await insist(work, stop);
    } catch {
      // whoever shows the data says so
    } finally {
      isBusy = false;
      if (isWanted) want();
    }
  };
  const want = () => {
    isWanted = true;
    if (isBusy || timer !== null || stop.aborted) return;
    timer = setTimeout(run, Math.max(30, begun + ms - performance.now()));
  };
  return want;
}
