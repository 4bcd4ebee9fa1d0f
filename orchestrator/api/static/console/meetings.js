// All meetings that this key may see, and what runs now.
import { get, list, mayChange, post } from "./api.js";
import { html, useEffect, useSignal } from "./lib.js";
import { Press, useOnce } from "./once.js";
import { Badge, Capped, Dialog, Empty, Heading } from "./parts.js";
import { go, Link } from "./router.js";
import { attempt, complain } from "./say.js";
import { gently, insist } from "./stream.js";
import { T } from "./texts.js";
import { dateOf } from "./time.js";

const ASK_MS = 10_000;
const TYPING_MS = 250;

export function Meetings() {
  const words = useSignal("");
  const found = useSignal(null);
  const next = useSignal(null);
  const running = useSignal([]);
  const isMaking = useSignal(false);
  const read = async ({ cursor, stop } = {}) => {
    const asked = words.peek().trim();
    const query = `order=desc&limit=50${asked ? `&title=${encodeURIComponent(asked)}` : ""}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const page = await get(`/v1/meetings?${query}`, { signal: stop });
    if (asked !== words.peek().trim()) return;
    found.value = cursor ? [...found.value, ...page.items] : page.items;
    next.value = page.next_cursor;
  };
  useEffect(() => {
    const stop = new AbortController();
    const begin = () => insist(() => read({ stop: stop.signal }), stop.signal).catch((error) => stop.signal.aborted || complain(T.failed(error.message)));
    const timer = setTimeout(begin, found.peek() ? TYPING_MS : 0);
    return () => (clearTimeout(timer), stop.abort());
  }, [words.value]);
  useEffect(() => {
    const stop = new AbortController();
    const readRunning = gently(async () => (running.value = await list("/v1/breakouts?state=opening,open,closing", stop.signal)), 0, stop.signal);
    readRunning();
    const timer = setInterval(() => !document.hidden && readRunning(), ASK_MS);
    return () => (clearInterval(timer), stop.abort());
  }, []);
  const isEmpty = found.value?.length === 0;
  return html`<main class="page is-narrow">
    <header class="page-head"><${Heading}>${T.meetings.title}<//>
      ${mayChange() && html`<div class="head-act"><button type="button" onClick=${() => (isMaking.value = true)}>${T.meetings.add}</button></div>`}
    </header>
    ${running.value.length > 0 && html`<section class="panel" aria-labelledby="running-title"><h2 id="running-title">${T.meetings.running}</h2>
      <${Capped} items=${running.value} of=${50}>${(some) => html`<ul class="rows">${some.map((one) => html`<li key=${one.id}><${Link} to="breakouts" id=${one.id}>${one.name}<//> <${Badge} state=${one.state} /></li>`)}</ul>`}<//></section>`}
    <input type="search" class="search" aria-label=${T.meetings.search} placeholder=${T.meetings.search} value=${words.value} onInput=${(event) => (words.value = event.currentTarget.value)} />
    ${!found.value && html`<div class="skeleton" role="progressbar" aria-label=${T.loading}></div>`}
    ${isEmpty && (words.value ? html`<p class="hint">${T.meetings.noMatch}</p>` : html`<${Empty} title=${T.meetings.none} lead=${T.meetings.noneLead} />`)}
    <ul class="list">${found.value?.map((one) => html`<li key=${one.id}><${Link} to="meetings" id=${one.id} class="list-row">
      <b>${one.title}</b><span class="note">${dateOf(one.created_at)}</span><span class="count">${T.meetings.present(one.present_count, one.participant_count)}</span><//></li>`)}</ul>
    ${next.value && html`<${Press} class="quiet" work=${() => attempt(() => read({ cursor: next.value }))}>${T.meetings.more}<//>`}
    ${isMaking.value && html`<${NewMeeting} onClose=${() => (isMaking.value = false)} />`}
  </main>`;
}

function NewMeeting({ onClose }) {
  const title = useSignal("");
  const adopted = useSignal("");
  const [make, isBusy] = useOnce(async () => {
    const id = adopted.value.trim();
    const body = { title: title.value.trim(), ...(id ? { realtimekit_meeting_id: id } : {}) };
    const made = await attempt(() => post("/v1/meetings", body));
    if (made) go("meetings", made.id);
  });
  return html`<${Dialog} title=${T.meetings.add} onClose=${onClose}>
    <form class="stack" onSubmit=${make}>
      <div class="field"><label for="new-title">${T.meetings.titleField}</label>
        <input id="new-title" required maxlength="200" autofocus value=${title.value} onInput=${(event) => (title.value = event.currentTarget.value)} /></div>
      <div class="field"><label for="new-adopted">${T.meetings.adopt}</label>
        <input id="new-adopted" value=${adopted.value} onInput=${(event) => (adopted.value = event.currentTarget.value)} /></div>
      <div class="buttons"><button type="submit" class="primary" aria-disabled=${isBusy}>${T.meetings.create}</button><button type="button" onClick=${onClose}>${T.cancel}</button></div>
    </form>
  <//>`;
}
