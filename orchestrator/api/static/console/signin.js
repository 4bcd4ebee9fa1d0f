// Signing in. The key goes to the server once and is not kept in the page.
import { ended, signIn } from "./api.js";
import { html, useEffect, useRef, useSignal } from "./lib.js";
import { T } from "./texts.js";

export function SignIn() {
  const key = useSignal("");
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const field = useRef();
  useEffect(() => {
    field.current.focus();
    document.title = `${T.signIn.title} · ${T.product}`;
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = "";
    try {
      await signIn(key.value.trim());
      key.value = "";
    } catch (error) {
      problem.value = error.status === 401 ? T.signIn.wrong : error.status === 429 ? T.signIn.tooMany(error.retryAfter ?? 60) : T.failed(error.message);
      field.current.select();
    } finally {
      isBusy.value = false;
    }
  };
  return html`<main class="sign-in">
    <form class="stack" onSubmit=${submit}>
      <p class="brand"><${Logo} /> ${T.product}</p>
      <h1>${T.signIn.title}</h1>
      <p class="lead">${ended.value ? T.signIn.ended : T.signIn.lead}</p>
      <div class="field"><label for="key">${T.signIn.key}</label>
        <input id="key" ref=${field} type="password" autocomplete="current-password" required spellcheck="false" value=${key.value} onInput=${(event) => (key.value = event.currentTarget.value)} /></div>
      <p role="alert" class="is-bad">${problem.value}</p>
      <button type="submit" class="primary big" disabled=${isBusy.value}>${T.signIn.submit}</button>
    </form>
  </main>`;
}

export function Logo() {
  return html`<svg class="logo" viewBox="0 0 16 16" width="20" height="20" aria-hidden="true"><rect width="7" height="7" rx="2" /><rect x="9" width="7" height="7" rx="2" /><rect y="9" width="7" height="7" rx="2" /><rect x="9" y="9" width="7" height="7" rx="2" opacity=".45" /></svg>`;
}
