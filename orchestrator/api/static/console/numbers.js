// Numbers as people type them, in fields for text: a browser's field for numbers drops a decimal comma, and calls itself
// empty when it can't read what stands in it.
import { complain } from "./say.js";
import { T } from "./texts.js";

/** `input` is for a field of this kind; `read` returns what was typed, and undefined for what is nothing of the kind. */
const kind = (words, inputmode, pattern) => ({
  words,
  input: { inputmode, pattern, title: T.number.needed(words), autocomplete: "off" },
  read: (text) => (new RegExp(`^${pattern}$`).test(text) ? exactly(Number(text.replace(",", "."))) : undefined),
});

/** JSON has no larger numbers, and would say null instead. */
const exactly = (number) => (Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : undefined);

export const WHOLE = kind(T.number.whole, "numeric", "\\s*-?\\d+\\s*");
export const DECIMAL = kind(T.number.any, "decimal", "\\s*-?(\\d+(\\.\\d*|,(?!\\d{3}\\s*$)\\d*)?|[.,]\\d+)\\s*"); // 1,440 may be either
export const LIST = { words: T.number.list, input: {}, read: readList };

/** The same, and null where nothing was typed. */
const orNone = (one) => ({ ...one, read: (text) => (text.trim() === "" ? null : one.read(text)) });
export const WHOLE_OR_NONE = orNone(WHOLE);
export const DECIMAL_OR_NONE = orNone(DECIMAL);

function readList(text) {
  const found = text.split(/[\s,;]+/).filter(Boolean).map(WHOLE.read);
  return found.includes(undefined) ? undefined : found;
}

/** Returns what was typed. Says what it should be, and returns undefined, where it is nothing of the kind. */
export function understand({ words, read }, text, label) {
  const found = read(text);
  if (found === undefined) complain(T.failed(T.number.wrong(label, words, text.trim())));
  return found;
}
