// Times as people read them, by the server's clock.
import { skew } from "./api.js";
import { signal } from "./lib.js";
import { T } from "./texts.js";

/** The server's time in milliseconds; changes once a second. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now() + skew;
}, 1000);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const timeOf = (text) => clock.format(new Date(text));
export const secondOf = (text) => exact.format(new Date(text));
export const dateOf = (text) => full.format(new Date(text));

/** The server's time in milliseconds, to count from. */
export const serverTime = () => Date.now() + skew;

/** Seconds until a time, never below 0. */
export const secondsTo = (text) => Math.max(0, Math.round((Date.parse(text) - now.value) / 1000));

/** 4:05, or 1:04:05. */
export function digits(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** About how long, in the largest unit that fits. */
export function about(seconds) {
  if (seconds >= 172_800) return T.unit.days(Math.floor(seconds / 86_400));
  if (seconds >= 7200) return T.unit.hours(Math.floor(seconds / 3600));
  if (seconds >= 120) return T.unit.minutes(Math.floor(seconds / 60));
  return T.unit.seconds(Math.round(seconds));
}
