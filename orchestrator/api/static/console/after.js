// A breakout that is over: what happened, who was where, and the recordings.
import { download, list, mayChange, post } from "./api.js";
import { html, useEffect, useSignal } from "./lib.js";
import { Press } from "./once.js";
import { Badge, Heading } from "./parts.js";
import { go, Link } from "./router.js";
import { attempt } from "./say.js";
import { Problems } from "./side.js";
import { insist } from "./stream.js";
import { own, T } from "./texts.js";
import { Timeline } from "./timeline.js";
import { about, dateOf, digits, secondsTo, timeOf } from "./time.js";

export function After({ breakout, roster }) {
  const all = breakout.all.value;
  const { participants } = all.progress;
  const lasted = all.opened_at && all.closed_at && (Date.parse(all.closed_at) - Date.parse(all.opened_at)) / 1000;
  const again = async () => {
    const body = { from_breakout: all.id, record: all.record, duration_seconds: all.duration_seconds, countdown_seconds: all.countdown_seconds, warn_before_seconds: all.warn_before_seconds };
    const made = await attempt(() => post(`/v1/meetings/${all.meeting_id}/breakouts`, body));
    if (made) go("breakouts", made.id);
  };
  const csv = (kind) => attempt(() => download(`${breakout.path}/${kind}`, `${all.name} ${kind}.csv`));
  const happened = all.state === "closed" ? T.after.closed(T.after.reason[all.close_reason]) : T.after[all.state];
  return html`<main class="page">
    <nav class="crumbs" aria-label=${T.meetings.title}><${Link} to="meetings" id=${all.meeting_id}>${roster.meeting.value?.title ?? "…"}<//></nav>
    <header class="page-head">
      <div><${Heading} title=${own(all.name)}>${all.name}<//><p class="sub"><${Badge} state=${all.state} /><span>${happened}</span>${all.opened_at && html`<span>${dateOf(all.opened_at)}</span>`}</p></div>
      <div class="head-act buttons"><${NextRound} all=${all} />${mayChange() && html`<${Press} work=${again}>${T.after.again}<//>`}</div>
    </header>
    <section aria-labelledby="report-title" class="report">
      <h2 id="report-title" class="visually-hidden">${T.after.report}</h2>
      <dl class="facts">
        <${Fact} name=${T.after.opened} value=${all.opened_at ? timeOf(all.opened_at) : "–"} />
        <${Fact} name=${T.after.ended} value=${all.closed_at ? timeOf(all.closed_at) : "–"} />
        <${Fact} name=${T.after.lasted} value=${lasted ? digits(Math.round(lasted)) : "–"} />
        <${Fact} name=${T.after.back} value=${`${participants.returned}/${participants.total}`} />
        <${Fact} name=${T.after.lost} value=${participants.lost} bad=${participants.lost > 0} />
        <${Fact} name=${T.after.never} value=${participants.never_joined} />
      </dl>
      <div class="buttons">
        <button type="button" onClick=${() => csv("attendance")}>${T.after.attendanceCsv}</button>
        <button type="button" onClick=${() => csv("assignment")}>${T.after.groupsCsv}</button>
      </div>
    </section>
    <${Attendance} breakout=${breakout} />
    <${Recordings} breakout=${breakout} />
    ${all.problems.length > 0 && html`<${Problems} breakout=${breakout} isPast />`}
  </main>`;
}

/** A link to the round that follows, of a series. */
function NextRound({ all }) {
  const next = useSignal(null);
  useEffect(() => {
    const stop = new AbortController();
    const isNext = (one) => one.series_id === all.series_id && one.round === all.round + 1;
    const read = () => list(`/v1/meetings/${all.meeting_id}/breakouts?order=desc`, stop.signal);
    if (all.series_id) insist(read, stop.signal).then((found) => (next.value = found.find(isNext) ?? null), () => {});
    return () => stop.abort();
  }, [all.id]);
  return next.value && html`<${Link} to="breakouts" id=${next.value.id}>${T.after.next(next.value.round)}<//>`;
}

const Fact = ({ name, value, bad }) => html`<div><dt>${name}</dt><dd class=${bad ? "is-bad" : ""}>${value}</dd></div>`;

/** Reads a list again whenever the breakout changes. Returns undefined until it is there, null when it can't be read. */
function useList(breakout, kind, onlyOnce) {
  const rows = useSignal(undefined);
  const { state, version, progress } = breakout.all.value;
  useEffect(() => {
    const stop = new AbortController();
    insist(() => list(`${breakout.path}/${kind}`, stop.signal), stop.signal).then(
      (found) => (rows.value = found),
      () => !stop.signal.aborted && (rows.value = rows.value ?? null),
    );
    return () => stop.abort();
  }, [state, version, onlyOnce ? 0 : JSON.stringify(progress.recordings)]);
  return rows.value;
}

function Attendance({ breakout }) {
  const rows = useList(breakout, "attendance", true);
  const isByRoom = useSignal(false);
  return html`<section class="panel" aria-labelledby="attendance-title">
    <div class="panel-head"><h2 id="attendance-title">${T.after.attendance}</h2>
      ${rows?.length > 0 && html`<div class="segments" role="group" aria-label=${T.after.attendance}>
        <button type="button" aria-pressed=${!isByRoom.value} onClick=${() => (isByRoom.value = false)}>${T.after.byPerson}</button>
        <button type="button" aria-pressed=${isByRoom.value} onClick=${() => (isByRoom.value = true)}>${T.after.byRoom}</button></div>`}
    </div>
    ${rows === undefined && html`<div class="skeleton" role="progressbar" aria-label=${T.loading}></div>`}
    ${rows === null && html`<p class="hint">${T.after.attendanceMissing}</p>`}
    ${rows?.length === 0 && html`<p class="hint">${T.after.noAttendance}</p>`}
    ${rows?.length > 0 && html`<${Timeline} rows=${rows} all=${breakout.all.value} rooms=${breakout.rooms.value} isByRoom=${isByRoom.value} />`}
  </section>`;
}

function Recordings({ breakout }) {
  const rows = useList(breakout, "recordings");
  return html`<section class="panel" aria-labelledby="recordings-title">
    <h2 id="recordings-title">${T.after.recordings}</h2>
    ${rows === undefined && html`<div class="skeleton" role="progressbar" aria-label=${T.loading}></div>`}
    ${(rows === null || rows?.length === 0) && html`<p class="hint">${T.after.noRecordings}</p>`}
    ${rows?.length > 0 && html`<div class="scrolls" tabindex="0" role="region" aria-labelledby="recordings-title"><table>
      <thead><tr><th>${T.after.room}</th><th>${T.after.state}</th><th>${T.after.length}</th><th>${T.after.file}</th><th>${T.after.expires}</th></tr></thead>
      <tbody>${rows.map((one) => html`<${RecordingRow} key=${one.id} one=${one} />`)}</tbody>
    </table></div>`}
  </section>`;
}

function RecordingRow({ one }) {
  const length = one.started_at && one.stopped_at ? digits(Math.round((Date.parse(one.stopped_at) - Date.parse(one.started_at)) / 1000)) : "–";
  const left = one.expires_at && secondsTo(one.expires_at);
  return html`<tr>
    <th scope="row">${one.room_name}</th>
    <td>${T.recording[one.state]}${one.error && html`<br /><span class="note is-bad">${one.error}</span>`}</td>
    <td>${length}</td>
    <td>${one.download_url ? html`<a href=${one.download_url} rel="noreferrer" aria-label=${T.after.download(one.room_name)}>${one.file_name ?? T.after.file}</a>` : (one.file_name ?? "–")}</td>
    <td>${one.expires_at ? (left > 0 ? T.after.expiresIn(about(left)) : T.after.expired) : "–"}</td>
  </tr>`;
}
