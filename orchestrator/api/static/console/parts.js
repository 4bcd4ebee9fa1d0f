// Small parts that several pages are made of.
import { mayChange } from "./api.js";
import { html, signal, useEffect, useId, useRef, useSignal } from "./lib.js";
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
    return () => {
      if (element.open) element.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const onBackdrop = (event) => event.target === ref.current && onClose();
  const cancel = (event) => (event.preventDefault(), onClose());
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel} onClick=${onBackdrop}>
    <div class="dialog-body">
      <h2 id=${id}>${title}</h2>
      ${lead && html`<p class="lead">${lead}</p>`}
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something that can't be taken back. */
export function Confirm({ title, lead, yes, danger, onYes, onClose, children }) {
  const isBusy = useSignal(false);
  const confirm = async () => {
    isBusy.value = true;
    try {
      await onYes();
    } finally {
      isBusy.value = false;
      onClose();
    }
  };
  return html`<${Dialog} title=${title} lead=${lead} onClose=${onClose}>
    ${children}
    <div class="buttons">
      <button type="button" class=${danger ? "danger" : "primary"} disabled=${isBusy.value} onClick=${confirm} autofocus>${yes}</button>
      <button type="button" onClick=${onClose}>${T.cancel}</button>
    </div>
  <//>`;
}

/**
 * A field that is saved when it is left, or on Enter. What is being typed stays, whatever the server says meanwhile,
 * and is saved on top of the version that the host saw when beginning to type.
 */
export function Field({ label, value, save, version, type = "text", hint, ...rest }) {
  const id = useId();
  const draft = useSignal(null);
  const base = useRef();
  const isLooking = !mayChange();
  const shown = draft.value ?? value ?? "";
  const commit = async () => {
    const text = draft.peek();
    if (text === null || text === String(value ?? "")) return (draft.value = null);
    const isSaved = await save(text, base.current);
    if (isSaved !== false) draft.value = null;
  };
  const begin = () => draft.peek() === null && (base.current = version);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} type=${type} value=${shown} readonly=${isLooking} onFocus=${begin}
      onInput=${(event) => (begin(), (draft.value = event.currentTarget.value))}
      onBlur=${commit} onKeyDown=${(event) => event.key === "Enter" && event.currentTarget.blur()}
      aria-describedby=${hint ? `${id}-hint` : undefined} ...${rest} />
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
      chosen.value = undefined;
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
    document.title = title ? `${title} · ${T.product}` : T.product;
  }, [title]);
  return html`<h1 tabindex="-1" ref=${ref}>${children}</h1>`;
}
