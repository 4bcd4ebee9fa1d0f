// Small parts that several pages are made of.
import { ended, mayChange } from "./api.js";
import { html, signal, useEffect, useId, useRef, useSignal } from "./lib.js";
import { understand } from "./numbers.js";
import { useOnce } from "./once.js";
import { putOnTop, Sayings } from "./say.js";
import { Stale } from "./stale.js";
import { T } from "./texts.js";

export function Badge({ state }) {
  return html`<span class=${`badge is-${state}`}>${T.state[state]}</span>`;
}

export function Empty({ title, lead, children }) {
  return html`<div class="empty"><h2>${title}</h2>${lead && html`<p>${lead}</p>`}${children}</div>`;
}

/** A modal window. The element gives back the focus by itself, and Escape closes it. */
export function Dialog({ title, lead, onClose, children, wide }) {
  const ref = useRef();
  const id = useId();
  useEffect(() => {
    const element = ref.current;
    const before = document.activeElement;
    element.showModal();
    const leave = putOnTop(id);
    return () => {
      leave();
      if (element.open) element.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const isBeside = useRef(false); // not where text is selected with the mouse, and let go of outside
  const press = (event) => (isBeside.current = event.target === ref.current);
  const release = (event) => (isBeside.current &&= event.target === ref.current);
  const onBackdrop = (event) => event.target === ref.current && isBeside.current && onClose();
  const cancel = (event) => (event.preventDefault(), onClose());
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel}
    onMouseDown=${press} onMouseUp=${release} onClick=${onBackdrop}>
    <div class="dialog-body">
      <h2 id=${id}>${title}</h2>
      ${lead && html`<p class="lead">${lead}</p>`}
      <${Stale} id=${id} />
      ${children}
    </div>
    <${Sayings} id=${id} />
  </dialog>`;
}

/** Asks before something that can't be taken back. It stays where `onYes` returns nothing, because that was not done. */
export function Confirm({ title, lead, yes, danger, onYes, onClose, children }) {
  const [confirm, isBusy] = useOnce(async () => (await onYes()) && onClose());
  return html`<${Dialog} title=${title} lead=${lead} onClose=${onClose}>
    ${children}
    <div class="buttons">
      <button type="button" class=${danger ? "danger" : "primary"} aria-disabled=${isBusy} onClick=${confirm} autofocus>${yes}</button>
      <button type="button" onClick=${onClose}>${T.cancel}</button>
    </div>
  <//>`;
}

/**
 * A field that is saved when it is left, or on Enter. What is being typed stays, whatever the server says meanwhile,
 * and is saved on top of the version that the host saw when beginning to type. `save` returns undefined if it is not.
 * Of a `kind` of number it gets what was typed as one, and what is none is not saved.
 */
export function Field({ label, value, save, version, kind, hint, ...rest }) {
  const id = useId();
  const draft = useSignal(null);
  const base = useRef();
  const sent = useRef(null);
  const isLooking = !mayChange();
  const shown = draft.value ?? value ?? "";
  const commit = async () => {
    const text = draft.peek();
    const one = { text };
    if (text === null || text === sent.current?.text) return;
    if (!sent.current && text === String(value ?? "")) return (draft.value = null);
    const meant = kind ? understand(kind, text, label) : text;
    if (meant === undefined) return;
    sent.current = one;
    const saved = await save(meant, base.current);
    if (sent.current !== one) return; // a later text is on its way
    sent.current = null;
    if (saved !== undefined && draft.peek() === text) draft.value = null;
  };
  const begin = () => draft.peek() === null && (base.current = version);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} value=${shown} readonly=${isLooking} onFocus=${begin}
      onInput=${(event) => (begin(), (draft.value = event.currentTarget.value))}
      onBlur=${commit} onKeyDown=${(event) => event.key === "Enter" && event.currentTarget.blur()}
      aria-describedby=${hint ? `${id}-hint` : undefined} ...${kind?.input} ...${rest} />
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

/** Shows what was chosen while it is being saved, and afterwards what the server says. */
function useSaving(value, save) {
  const chosen = useSignal(undefined);
  const choose = async (next) => {
    chosen.value = next;
    try {
      await save(next);
    } finally {
      if (chosen.peek() === next) chosen.value = undefined;
    }
  };
  return [chosen.value ?? value, choose];
}

export function Choice({ label, value: saved, choices, save }) {
  const id = useId();
  const [value, choose] = useSaving(saved, save);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} value=${String(value)} disabled=${!mayChange()} onChange=${(event) => choose(event.currentTarget.value)}>
      ${Object.entries(choices).map(([key, words]) => html`<option key=${key} value=${key}>${words}</option>`)}
    </select>
  </div>`;
}

export function Check({ label, value: saved, save }) {
  const [value, choose] = useSaving(saved, save);
  return html`<label class="check">
    <input type="checkbox" checked=${value} disabled=${!mayChange()} onChange=${(event) => choose(event.currentTarget.checked)} />
    <span>${label}</span>
  </label>`;
}

/** A list that shows a part first: what is far longer than a screen is not put on the page at once. */
export function Capped({ items, of = 100, children, more = T.board.more }) {
  const shown = useSignal(of);
  const hidden = items.length - shown.value;
  return html`${children(items.slice(0, shown.value))}
    ${hidden > 0 &&
    html`<button type="button" class="quiet" onClick=${() => (shown.value += of)}>${more(Math.min(of, hidden))}</button>`}`;
}

const near = new WeakMap();
const observer = new IntersectionObserver((entries) => entries.forEach((one) => (near.get(one.target).value = one.isIntersecting)), {
  rootMargin: "600px",
});

/** Whether an element is on the screen, or near it; true at once where nothing is to be saved. */
export function useNear(ref, isLazy) {
  const isNear = useRef(null);
  isNear.current ??= signal(!isLazy);
  useEffect(() => {
    if (!isLazy) {
      isNear.current.value = true;
      return undefined;
    }
    const element = ref.current;
    near.set(element, isNear.current);
    observer.observe(element);
    return () => observer.unobserve(element);
  }, [isLazy]);
  return isNear.current.value;
}

/** The heading of a page, which gets the focus when one comes to it. */
export function Heading({ children, title }) {
  const ref = useRef();
  useEffect(() => ref.current.focus({ preventScroll: true }), []);
  useEffect(() => {
    if (!ended.value) document.title = title ? `${title} · ${T.product}` : T.product; // else the sign-in covers the page
  }, [title, ended.value]);
  return html`<h1 tabindex="-1" ref=${ref}>${children}</h1>`;
}
