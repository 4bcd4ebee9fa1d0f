// Calls to the API, and who is signed in. The session's cookie goes along by itself; no key is ever kept here.
import { signal } from "./lib.js";
import { T } from "./texts.js";

export const ROOT = document.querySelector('meta[name="root"]').content;
/** Who is signed in: undefined while that is not known, null for nobody. */
export const session = signal(undefined);
/** Whether a session has ended by itself, so that the page below the sign-in is kept. */
export const ended = signal(false);
/** What the server's clock is ahead of this one, in milliseconds. */
export let skew = 0;

export const mayChange = () => session.value?.role === "operator";

/** A refusal of the server, in its words. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail || `${status}`);
    Object.assign(this, { status, retryAfter, code: body?.code, fields: body?.fields, version: body?.version });
  }
}

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function send(method, path, { body, match, accept, key, type, signal: stop, headers = {} } = {}) {
  const all = { ...headers };
  if (body !== undefined) all["Content-Type"] = type || "application/json";
  if (match !== undefined) all["If-Match"] = `"${match}"`;
  if (accept) all.Accept = accept;
  if (key) all["Idempotency-Key"] = key;
  const content = body === undefined || type ? body : JSON.stringify(body);
  return fetch(ROOT + path, { method, headers: all, body: content, signal: stop, cache: "no-store", credentials: "same-origin" });
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
export async function ask(method, path, options = {}) {
  let response;
  try {
    response = await sendPatiently(method, path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, { detail: T.unreachable, code: "unreachable" });
  }
  const date = Date.parse(response.headers.get("Date") || "");
  if (date) skew = Math.abs(date - Date.now()) > 1500 ? date - Date.now() : 0;
  if (response.ok) return response;
  if (response.status === 401 && path !== "/console/session") ended.value = true;
  const problem = await response.json().catch(() => null);
  throw new Problem(response.status, problem, Number(response.headers.get("Retry-After")) || undefined);
}

/** The same, and its JSON. */
export async function call(method, path, options) {
  const response = await ask(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { body, key: newKey(), ...options });

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

export async function signOut() {
  await ask("DELETE", "/console/session");
  session.value = null;
  ended.value = false;
}
