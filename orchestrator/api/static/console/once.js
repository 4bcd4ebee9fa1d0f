// What is pressed is done once, however often it is pressed before there is an answer.
import { html, useSignal } from "./lib.js";

/**
 * Returns what a button or a form does on a press, and whether the answer to it is on its way: until then a press does
 * nothing. `what` tells presses apart that ask for different things, of which none is in the way of another.
 */
export function useOnce(work, what = () => "") {
  const asked = useSignal([]);
  const press = async (event) => {
    event?.preventDefault();
    const one = what();
    if (asked.peek().includes(one)) return;
    asked.value = [...asked.peek(), one];
    try {
      await work(event);
    } finally {
      asked.value = asked.peek().filter((other) => other !== one);
    }
  };
  return [press, asked.value.includes(what())];
}

/** A button that does `work` so. */
export function Press({ work, what, children, ...rest }) {
  const [press, isBusy] = useOnce(work, what);
  return html`<button type="button" ...${rest} aria-disabled=${isBusy} onClick=${press}>${children}</button>`;
}
