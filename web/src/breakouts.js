// Keeps a page of Cloudflare RealtimeKit in the meeting that its person's seat names.
import { Session } from "./session.js";

/** Follow a person's seat; resolves when it is known, and when the page is in a meeting that this has made. */
export async function connectBreakouts(options) {
  return new Session(options).start();
}
