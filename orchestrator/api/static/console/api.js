// Calls to the API, and who is signed in. The session's cookie goes along by itself; no key is ever kept here.
import { effect, signal } from "./lib.js";
import { T } from "./texts.js";

export const ROOT = document.querySelector('meta[name="root"]').content;
/** Who is signed in: undefined while that is not known, null for nobody. */
export const session = signal(undefined);
/** Whether a session has ended by itself, so that the page below the sign-in is kept. */
export const ended = signal(false);
/** What the server's clock is ahead of this one, in milliseconds. */
export let skew = 0;

export const mayChange = () => session.value?.role === "operator";

/** Notes that the session in which something was asked has ended; not when another has begun meanwhile. */
export const endSession = (who) => session.peek() === who && (ended.value = true);

/** A refusal of the server, in its words. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail || `${status}`);
    Object.assign(this, { status, retryAfter, code: body?.code, fields: body?.fields, version: body?.version });
  }
}

/** Whether an error may be gone in a while, so that asking again makes sense. */
export const isPassing = ({ status }) => status === 0 || status === 429 || status >= 500;

/** How long an answer may take: a network that swallows what is sent never says so. The server's slowest takes 15 s. */
const ANSWER_MS = 30_000;
/** How much of a file a slow network takes in a millisecond at least, in bytes or characters. */
const SENT_PER_MS = 20;

const unreachable = () => new Problem(0, { detail: T.unreachable, code: "unreachable" });

const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function send(method, path, { body, match, accept, key, type, signal: stop, headers = {} } = {}) {
  const all = { ...headers };
  if (body !== undefined) all["Content-Type"] = type || "application/json";
  if (match !== undefined) all["If-Match"] = `"${match}"`;
  if (accept) all.Accept = accept;
  if (key) all["Idempotency-Key"] = key;
  const content = body === undefined || type ? body : JSON.stringify(body);
  const limit = new AbortController();
  const over = setTimeout(() => limit.abort(), ANSWER_MS + (content?.byteLength ?? content?.length ?? 0) / SENT_PER_MS);
  const end = AbortSignal.any([limit.signal, ...(stop ? [stop] : [])]);
  const options = { method, headers: all, body: content, signal: end, cache: "no-store", credentials: "same-origin" };
  return fetch(ROOT + path, options).finally(() => clearTimeout(over));
}

/** Asks once more where no answer came: reads, and changes under an Idempotency-Key, may be repeated. */
async function sendPatiently(method, path, options = {}) {
  try {
    return await send(method, path, options);
  } catch (error) {
    if (options.signal?.aborted || (method !== "GET" && !options.key)) throw error;
    await new Promise((wake) => setTimeout(wake, 700));
    return send(method, path, options);
  }
}

/** Returns the response to a good call. Throws a Problem for any other. */
async function ask(method, path, options = {}) {
  const who = session.peek();
  let response;
  try {
    response = await sendPatiently(method, path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable();
  }
  const date = Date.parse(response.headers.get("Date") || "");
  if (date) skew = Math.abs(date - Date.now()) > 1500 ? date - Date.now() : 0;
  if (response.ok) return response;
  if (response.status === 401 && path !== "/console/session") endSession(who);
  const problem = await response.json().catch(() => null);
  throw new Problem(response.status, problem, Number(response.headers.get("Retry-After")) || undefined);
}

/** The same, and its JSON. */
export async function call(method, path, options) {
  const response = await ask(method, path, options);
  if (response.status === 204) return null;
  return response.json().catch((error) => {
    throw options?.signal?.aborted ? error : unreachable(); // it broke off
  });
}

export const get = (path, options) => call("GET", path, options);

/** For how long what had no good answer is the same when it is asked for again. Later it is meant a second time. */
export const SAME_MS = 60_000;
/** The key of what was asked for and has had no good answer yet, and when. */
const unanswered = new Map();

/** Asks for something once: what is asked again soon, in all the same, and has had no good answer carries the same key. */
export async function post(path, body, options) {
  const now = Date.now();
  for (const [old, { at }] of unanswered) if (now - at > SAME_MS) unanswered.delete(old);
  const asked = body instanceof ArrayBuffer ? body : JSON.stringify([path, body, options?.match]);
  const key = unanswered.get(asked)?.key ?? newKey();
  unanswered.set(asked, { key, at: now });
  const found = await call("POST", path, { body, key, ...options });
  unanswered.delete(asked);
  return found;
}

/** Reads a list to its end; `take` gets each page. */
export async function readAll(path, take, stop) {
  let cursor = null;
  do {
    const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page = await get(`${path}${path.includes("?") ? "&" : "?"}limit=200${more}`, { signal: stop });
    take(page.items);
    cursor = page.next_cursor;
  } while (cursor && !stop?.aborted);
}

/** Returns a whole list. */
export async function list(path, stop) {
  const found = [];
  await readAll(path, (page) => found.push(...page), stop);
  return found;
}

/** Fetches a CSV file and hands it to the browser as a download. */
export async function download(path, name) {
  const response = await ask("GET", `${path}?bom=1`, { accept: "text/csv" }); // Excel needs the mark
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function readSession() {
  session.value = await get("/console/session").catch((error) => {
    if (error.status === 401) return null;
    throw error;
  });
}

export async function signIn(key) {
  await ask("POST", "/console/session", { body: { key } });
  await readSession();
  ended.value = false;
}

/** Resolves once somebody is signed in; at once where somebody is. */
export const signedIn = () =>
  new Promise((go) => {
    const stop = effect(() => {
      if (session.value && !ended.value) queueMicrotask(() => (stop(), go()));
    });
  });

export async function signOut() {
  await ask("DELETE", "/console/session");
  unanswered.clear();
  session.value = null;
  ended.value = false;
}
