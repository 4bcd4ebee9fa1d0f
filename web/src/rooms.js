import { Emitter } from "./emitter.js";
import { dealEvenly, renameLive } from "./kit.js";
import { Leader } from "./leader.js";
import { attempt, pause, sleep } from "./waiting.js";

const DRAFT = "new:", BARRED = 3e4;
const natural = (a, b) => a.title.localeCompare(b.title, undefined, { numeric: true });

/** RealtimeKit's `connectedMeetings`, so that its own breakout UI drives ours. */
export class Rooms extends Emitter {
  meetings = [];
  parentMeeting = null;
  /** The breakout that runs, or the one that ran last. */
  breakout = null;
  #api; #session; #settings; #end = new AbortController(); #ended; #running = null; #known; #people = []; #mine = new Map();
  #made = new Map(); #drafts = null; #moves = []; #deletes = []; #flushing; #starting; #timer; #reading; #streamed; #leading; #leader; #barred;
  constructor(host, api, session) {
    super();
    const { BreakoutRoomsManager, ...settings } = Object(host);
    this.#api = api;
    this.#session = session;
    this.#settings = settings;
    this.#ended = this.#end.signal;
    if (BreakoutRoomsManager) dealEvenly(BreakoutRoomsManager.prototype, () => this.#hosts(), this.#ended);
    renameLive((id) => this.#room(id), (id, title) => this.updateMeetings([{ id, title }]), this.#ended);
  }
  get isActive() {
    return this.meetings.length > 0;
  }
  dress(client) {
    const { userId, customParticipantId } = client.self;
    this.#mine.set(userId, customParticipantId);
    this.self = client.self;
    Object.defineProperty(client, "connectedMeetings", { value: this, configurable: true });
    if (this.parentMeeting) this.#show();
  }
  /** One tab of a browser reads the streams and wakes the others: browsers open six connections to a server, no more. */
  start() {
    const { whose } = this.#api;
    const hear = ({ alive }) => alive || this.#stale();
    const ready = () => this.#barred;
    this.#leader = new Leader(this.#ended, { work: (signal) => this.#lead(signal), hear, ready });
    this.#leader.start(whose && `${whose} host`);
    this.#stale();
  }
  async #lead(signal) {
    this.#leading = signal;
    const quit = () => {
      if (this.#leading !== signal) return;
      this.#streamed?.end.abort();
      this.#leading = this.#streamed = null;
    };
    signal.addEventListener("abort", quit);
    this.#follow();
    await this.#listen(`/v1/meetings/${this.#session.seat.meeting_id}/events`, signal);
    quit();
  }
  close() {
    this.#end.abort();
    clearTimeout(this.#timer);
  }
  async getConnectedMeetings() {
    await this.#read();
    this.#known = this.#running?.id;
    this.#emitState();
    return { parentMeeting: this.parentMeeting, meetings: this.meetings };
  }
  async createMeetings(list) {
    await this.#starting;
    const titles = list.map(({ title }) => title);
    const running = this.#running?.id;
    if (running && running !== this.#known) this.#refuse("breakout_running", "another breakout runs");
    this.#unequal([...titles, ...(running ? this.#rooms() : (this.#drafts ?? [])).map(({ title, name }) => title ?? name)]);
    if (running) return this.#sent(() => this.#addRooms(running, titles));
    (this.#drafts ??= []).push(...titles.map((title) => ({ title, participants: [] })));
    this.#soon();
    return titles.map((title) => ({ id: DRAFT + title, title }));
  }
  async updateMeetings(list) {
    const changed = list.map(({ id, title }) => [this.#room(id), title]).filter(([room]) => room);
    const others = this.#rooms().filter((room) => !changed.some(([it]) => it.id === room.id));
    this.#unequal([...others.map(({ name }) => name), ...changed.map(([, title]) => title)]);
    await this.#sent(async () => {
      for (const [room, name] of changed) await this.#call("PATCH", `/rooms/${room.id}`, { name });
    });
  }
  deleteMeetings(ids) {
    return new Promise((resolve, reject) => {
      this.#deletes.push({ ids, resolve, reject });
      this.#soon();
    });
  }
  moveParticipants(from, to, ids) {
    return new Promise((resolve) => {
      this.#moves.push({ from, to, ids, resolve });
      this.#soon();
    });
  }
  moveParticipantsWithCustomPreset(from, to, people) {
    return this.moveParticipants(from, to, people.map(({ id }) => id));
  }
  /** What the UI says in one tick is one wish. */
  #soon() {
    this.#flushing ??= setTimeout(() => {
      this.#flushing = null;
      const said = [this.#drafts, this.#moves, this.#deletes];
      [this.#drafts, this.#moves, this.#deletes] = [null, [], []];
      this.#starting = this.#flush(...said);
    });
  }
  async #flush(drafts, moves, deletes) {
    if (drafts) {
      const placed = moves.filter(({ to }) => String(to).startsWith(DRAFT));
      for (const { to, ids } of placed) {
        drafts.find(({ title }) => DRAFT + title === to)?.participants.push(...ids.map((id) => this.#custom(id)));
      }
      const done = await this.#told(() => this.#begin(drafts));
      for (const { resolve } of placed) resolve(done);
      moves = moves.filter((move) => !placed.includes(move));
    }
    const gone = deletes.flatMap(({ ids }) => ids).map((id) => this.#room(id)?.id);
    const known = [...this.#shown().map(({ id }) => id), ...this.#made.values()];
    const all = gone.length > 0 && known.every((id) => gone.includes(id) || this.#isOver(id));
    for (const { from, to, ids, resolve } of moves) {
      const target = this.#room(to), home = to === "parent" || to === this.parentMeeting?.id;
      const needless = from === "undefined" || all || (home && gone.includes(this.#room(from)?.id));
      resolve(needless ? { success: true } : await this.#told(() => this.#seat(ids, target, home)));
    }
    if (!deletes.length) return;
    const { countdown_seconds } = this.#settings;
    const end = async () => {
      if (all) await this.#call("POST", "/close", countdown_seconds === undefined ? {} : { countdown_seconds });
      else for (const id of gone) if (id) await this.#call("DELETE", `/rooms/${id}`);
    };
    const done = await this.#told(end);
    for (const { ids, resolve, reject } of deletes) done.success ? resolve(ids.map((id) => ({ id }))) : reject(done.error);
  }
  async #begin(drafts) {
    const rooms = drafts.sort(natural).map(({ title, participants }) => ({ name: title, participants }));
    const body = { ...this.#settings, rooms, assignment: { mode: "manual" }, start: "now" };
    const path = `/v1/meetings/${this.#session.seat.meeting_id}/breakouts`;
    const key = { "Idempotency-Key": crypto.randomUUID() };
    for (let tries = 0; ; tries++) {
      try {
        this.#running = await this.#api.call("POST", path, body, key);
        this.#known = this.#running.id;
        return;
      } catch (cause) {
        if ((cause.status && cause.status !== 503) || tries > 4) throw cause;
        await sleep(Math.max(cause.wait ?? 0, pause(tries)), this.#ended);
      }
    }
  }
  async #addRooms(running, titles) {
    const made = [];
    for (const title of titles) {
      const { id } = await this.#call("POST", "/rooms", { name: title });
      this.#made.set(DRAFT + id, id);
      made.push({ id: DRAFT + id, title });
    }
    return made;
  }
  async #seat(ids, room, home) {
    if (!room && !home) throw new Error("there is no such room");
    for (const id of ids) {
      const path = `/participants/${encodeURIComponent(this.#custom(id))}/room`;
      await this.#call("PUT", path, { room_id: home ? null : room.id });
    }
  }
  #call(method, path, body) {
    if (!this.#running) throw new Error("no breakout runs");
    return this.#api.call(method, `/v1/breakouts/${this.#running.id}${path}`, body);
  }
  async #sent(does) {
    try {
      return await does();
    } catch (cause) {
      this.#session.fail(cause);
      throw cause;
    } finally {
      this.#stale();
    }
  }
  #told(does) {
    return this.#sent(does).then(() => ({ success: true }), (error) => ({ success: false, error }));
  }
  #refuse(code, detail) {
    const cause = Object.assign(new Error(detail), { code, detail });
    this.#session.fail(cause);
    this.#stale();
    throw cause;
  }
  #unequal(titles) {
    if (new Set(titles).size < titles.length) this.#refuse("equal_titles", "two rooms have the same title");
  }
  #rooms() {
    return (this.#running?.rooms ?? []).filter(({ state }) => state !== "closed" && state !== "failed");
  }
  #isOver(id) {
    return ["closed", "failed"].includes(this.#running?.rooms.find((room) => room.id === id)?.state);
  }
  /** The rooms that the UI is shown; it knows of those besides that it has just made. */
  #shown() {
    return this.#rooms().filter((room) => room.realtimekit_meeting_id);
  }
  #room(id) {
    return this.#rooms().find(
      (room) => id && (room.realtimekit_meeting_id === id || this.#made.get(id) === room.id || DRAFT + room.name === id),
    ) ?? (this.#made.has(id) ? { id: this.#made.get(id) } : undefined);
  }
  #hosts() {
    return new Set(this.#people.filter(({ role }) => role === "host").map((it) => it.custom_participant_id));
  }
  #custom(id) {
    return this.#mine.get(id) ?? id;
  }
  #stale() {
    if (this.#ended.aborted) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (!this.#barred) this.#read().catch((cause) => this.#bar(cause));
    }, 250);
  }
  /** Ask nothing for a while, because the person is no host now: each try would cost a token. */
  #bar(cause) {
    if (cause.status !== 401 || this.#barred) return;
    this.#session.fail(cause);
    this.#barred = sleep(BARRED, this.#ended).then(() => ((this.#barred = null), this.#stale()));
  }
  async #read() {
    const before = this.#reading;
    const mine = (this.#reading = (async () => {
      await before?.catch(() => {});
      const path = `/v1/meetings/${this.#session.seat.meeting_id}`;
      const get = (more) => this.#api.call("GET", path + more);
      // Every seat names the breakout that runs, of however many there are; the list of them can't be asked for it alone.
      const seat = this.#api.call("GET", "/v1/seat");
      const [meeting, { breakout: found }, people] = await Promise.all([get(""), seat, this.#all(get)]);
      const id = (found ?? this.breakout)?.id, was = JSON.stringify(this.breakout);
      if (id) this.breakout = await this.#api.call("GET", `/v1/breakouts/${id}`);
      if (this.#running?.id !== found?.id) this.#made.clear();
      this.#running = found ? this.breakout : null;
      if (was !== JSON.stringify(this.breakout)) this.#session.emit("breakout", this.breakout);
      this.#people = people;
      this.main = { id: meeting.realtimekit_meeting_id, title: meeting.title };
      this.#follow();
      this.#show();
    })());
    return mine;
  }
  async #all(get) {
    const people = [];
    for (let cursor = ""; cursor !== null; ) {
      const { items, next_cursor } = await get(`/participants?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      people.push(...items);
      cursor = next_cursor ?? null;
    }
    return people;
  }
  #show() {
    const by = new Map(this.#people.map((it) => [it.custom_participant_id, it]));
    const person = ({ custom_participant_id: id, name }) => ({
      id: id === this.self?.customParticipantId ? this.self.userId : id,
      customParticipantId: id,
      displayName: name,
      displayPictureUrl: null,
      presetId: by.get(id)?.preset_name ?? null,
    });
    const before = JSON.stringify([this.meetings, this.parentMeeting]);
    const shown = this.#shown();
    this.meetings = shown.map((room) => ({
      id: room.realtimekit_meeting_id,
      title: room.name,
      participants: room.participants.map(person),
    }));
    // Who is on the way to a room is in one place only, or the UI would move them back.
    const seated = new Set(shown.flatMap((room) => room.participants.map((it) => it.custom_participant_id)));
    const here = this.#people.filter((it) => it.present && it.location === "main" && !seated.has(it.custom_participant_id));
    this.parentMeeting = { ...this.main, participants: here.map(person) };
    if (before !== JSON.stringify([this.meetings, this.parentMeeting])) this.#emitState();
  }
  #emitState() {
    this.emit("stateUpdate", { meetings: this.meetings, parentMeeting: this.parentMeeting });
  }
  #follow() {
    const id = this.#leading ? this.#running?.id : undefined;
    if (this.#streamed?.id === id) return;
    this.#streamed?.end.abort();
    this.#streamed = id && { id, end: new AbortController() };
    if (!id) return;
    this.#listen(`/v1/breakouts/${id}/events`, this.#streamed.end.signal);
  }
  async #listen(path, signal) {
    let lastId;
    for (let tries = 0; !signal.aborted; tries++) {
      const stale = () => {
        if (this.#ended.aborted) return;
        this.#stale();
        this.#leader.tell({});
      };
      const onEvent = (name, data, id) => {
        lastId = id ?? lastId;
        tries = 0;
        stale();
      };
      const read = () => this.#api.stream(path, lastId, { signal, onEvent, onOpen: stale, onSilence: stale });
      await attempt(read, (cause) => this.#bar(cause));
      if (this.#barred && !this.#leader.isAlone) return; // another tab should try
      await this.#barred;
      stale();
      await sleep(Math.min(1200, pause(tries)), signal);
    }
  }
}
