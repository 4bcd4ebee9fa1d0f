// What the page takes from its libraries, in one place.
import htm from "../vendor/htm.js";
import { h } from "../vendor/preact.js";

export { Fragment, h, render } from "../vendor/preact.js";
export { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
export { batch, computed, effect, signal, untracked, useComputed, useSignal } from "../vendor/signals.js";
export const html = htm.bind(h);
