// The page: sign-in or what the address names. When a session ends, the sign-in covers the page, which is kept.
import { ended, readSession, session, signOut } from "./api.js";
import { After } from "./after.js";
import { Breakout } from "./breakout.js";
import { effect, html, render, useEffect, useMemo, useRef } from "./lib.js";
import { Live } from "./live.js";
import { Meeting } from "./meeting.js";
import { Meetings } from "./meetings.js";
import { Heading } from "./parts.js";
import { Plan } from "./plan.js";
import { Link, route } from "./router.js";
import { Roster } from "./roster.js";
import { attempt, say, Sayings } from "./say.js";
import { Logo, SignIn } from "./signin.js";
import { giveUp, Stale } from "./stale.js";
import { insist, lost } from "./stream.js";
import { own, T } from "./texts.js";

const PAGES = { draft: Plan, scheduled: Plan, opening: Live, open: Live, closing: Live, closed: After, cancelled: After, failed: After };

function App() {
  const who = session.value;
  if (who === undefined) return html`<div class="boot" aria-busy="true"><${Connection} /><${Sayings} /></div>`;
  if (who === null) return html`<${SignIn} />`;
  return html`
    ${ended.value && html`<${Cover}><${SignIn} /><//>`}
    <div hidden=${ended.value} inert=${ended.value}>
      <header class="top">
        <${Link} to="home" class="brand"><${Logo} /> ${T.product}<//>
        <${Connection} />
        <span class="note">${own(who.name)}, ${T.signIn.role[who.role]}</span>
        <button type="button" class="quiet" onClick=${() => attempt(signOut)}>${T.signIn.out}</button>
      </header>
      <${Stale} />
      <${Page} />
      <${Sayings} />
    </div>`;
}

/** Covers the page, windows that are open in it included, until somebody has signed in again. */
function Cover({ children }) {
  const ref = useRef();
  const show = () => ref.current && !ref.current.open && ref.current.showModal();
  useEffect(show, []);
  return html`<dialog ref=${ref} class="cover" closedby="none" aria-label=${T.signIn.title} onCancel=${(event) => event.preventDefault()} onClose=${show}>${children}</dialog>`;
}

function Page() {
  const { kind, id } = route.value;
  useEffect(() => giveUp, [kind, id]);
  if (kind === "meetings") return html`<${MeetingPage} key=${id} id=${id} />`;
  if (kind === "breakouts") return html`<${BreakoutPage} key=${id} id=${id} />`;
  return html`<${Meetings} />`;
}

function MeetingPage({ id }) {
  const roster = useMemo(() => new Roster(id), []);
  useEffect(() => roster.start(), []);
  if (roster.problem.value) return html`<${Gone} />`;
  return roster.meeting.value ? html`<${Meeting} roster=${roster} />` : html`<${Waiting} />`;
}

function BreakoutPage({ id }) {
  const breakout = useMemo(() => new Breakout(id), []);
  useEffect(() => {
    breakout.start();
    return () => breakout.stop();
  }, []);
  if (breakout.problem.value?.status === 404) return html`<${Gone} />`;
  const meetingId = breakout.all.value?.meeting_id;
  return meetingId ? html`<${WithRoster} breakout=${breakout} meetingId=${meetingId} />` : html`<${Waiting} problem=${breakout.problem.value} />`;
}

function WithRoster({ breakout, meetingId }) {
  const roster = useMemo(() => new Roster(meetingId), []);
  useEffect(() => roster.start(), []);
  const Shown = PAGES[breakout.all.value.state];
  return html`<${Shown} breakout=${breakout} roster=${roster} />`;
}

function Connection() {
  return html`<span class="connection" role="status">${lost.value > 0 ? T.connection.lost : ""}</span>`;
}

function Gone() {
  return html`<main class="page is-narrow"><${Heading}>${T.gone.title}<//><p class="lead">${T.gone.lead}</p><p><${Link} to="home">${T.gone.back}<//></p></main>`;
}

function Waiting({ problem }) {
  if (problem) return html`<main class="page is-narrow"><${Heading}>${T.failed(problem.message)}<//></main>`;
  return html`<main class="page" aria-busy="true"><div class="skeleton" role="progressbar" aria-label=${T.loading}></div></main>`;
}

let wasLost = false;
effect(() => {
  if (lost.value === 0 && wasLost) say(T.connection.back);
  wasLost = lost.value > 0;
});

render(html`<${App} />`, document.getElementById("app"));
attempt(() => insist(readSession, new AbortController().signal));
