// breakouts.js: keeps a page of Cloudflare RealtimeKit in the meeting that its person's seat names.

const GONE_FOR_GOOD = ["left", "rejected", "stageLeft"];
const PUT_OUT = ["kicked", "ended", "failed"];
const SILENCE = 45e3, FIRST_BYTE = 10e3, POLL = 3e3, LONGEST_PAUSE = 5e3, SPARE = 30e3;
const ASK_LEADER = 1500, UNANSWERED = 3, MEDIA_PATIENCE = 4e3;

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const end = () => (clearTimeout(timer), signal?.removeEventListener("abort", end), resolve());
    const timer = setTimeout(end, ms);
    signal?.aborted ? end() : signal?.addEventListener("abort", end);
  });
const pause = (tries) => Math.min(LONGEST_PAUSE, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
const patient = (promise) => Promise.race([promise, sleep(MEDIA_PATIENCE)]);
const attempt = async (does, fail = () => {}) => {
  try {
    return await does();
  } catch (cause) {
    fail(cause);
  }
};

class Emitter {
  #listeners = new Map();
  on(name, fn) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), fn]);
    return this;
  }
  off(name, fn) {
    const kept = this.#listeners.get(name)?.filter((it) => it !== fn && it.of !== fn);
    this.#listeners.set(name, kept ?? []);
    return this;
  }
  addListener(name, fn) {
    return this.on(name, fn);
  }
  removeListener(name, fn) {
    return this.off(name, fn);
  }
  once(name, fn) {
    const once = (...args) => (this.off(name, once), fn(...args));
    once.of = fn;
    return this.on(name, once);
  }
  emit(name, ...args) {
    const all = this.#listeners.get(name) ?? [];
    for (const fn of all) {
      try {
        fn(...args);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
    return all.length > 0;
  }
}

const claims = (token) => {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
};

/** The HTTP API with one person's token, which it renews. */
class Api {
  #base; #renew; #renewing; #good; #timer;
  constructor({ baseUrl, clientToken, getClientToken }, fail, signal) {
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#renew = getClientToken;
    this.fail = fail;
    this.signal = signal;
    this.onToken = () => {};
    this.token = clientToken;
    if (clientToken) this.#judge(claims(clientToken).exp * 1e3);
  }
  /** Whose seat it is: the same in all tabs of one person. */
  get whose() {
    const { meeting, sub } = claims(this.token);
    return sub && `breakouts ${this.#base} ${meeting} ${sub}`;
  }
  #judge(end) {
    this.#good = end ? end - SPARE : Infinity;
    clearTimeout(this.#timer);
    const wait = this.#good - Date.now();
    if (this.#renew && wait > 0 && wait < 2e9) this.#timer = setTimeout(() => this.renew(), wait);
  }
  renew() {
    return (this.#renewing ??= this.#renewed().finally(() => (this.#renewing = null)));
  }
  async #renewed() {
    for (let tries = 0; !this.signal.aborted; tries++) {
      try {
        const token = await this.#renew();
        if (typeof token !== "string" || !token) throw new TypeError("getClientToken gave no token");
        this.token = token;
        const { iat, exp } = claims(token), now = Date.now();
        // By a clock that is wrong here, a new token looks old.
        this.#judge(now > (iat - 60) * 1e3 && now < exp * 1e3 ? exp * 1e3 : now + (exp - iat) * 1e3);
        this.onToken();
        return;
      } catch (cause) {
        this.fail("client_token", "getClientToken failed", cause);
        await sleep(pause(tries + 2), this.signal);
      }
    }
  }
  async #send(path, options) {
    const headers = { Authorization: `Bearer ${this.token}`, ...options.headers };
    if (options.body) headers["Content-Type"] = "application/json";
    return fetch(this.#base + path, { cache: "no-store", signal: this.signal, ...options, headers });
  }
  /** Return the answer, or throw {status, code, detail}. */
  async open(path, options = {}) {
    if (this.#renew && (!this.token || Date.now() > this.#good)) await this.renew();
    const used = this.token;
    let answer = await this.#send(path, options);
    if (answer.status === 401 && this.#renew) {
      answer.body?.cancel();
      if (this.token === used) await this.renew();
      answer = await this.#send(path, options);
    }
    if (answer.ok) return answer;
    const { code = "http_error", detail = answer.statusText } = await answer.json().catch(() => ({}));
    const wait = answer.headers.get("Retry-After") * 1e3 || 0;
    throw Object.assign(new Error(detail), { status: answer.status, code, detail, wait });
  }
  async call(method, path, body, headers) {
    const answer = await this.open(path, { method, headers, body: body && JSON.stringify(body) });
    return answer.status === 204 ? null : answer.json();
  }
  /** Read one stream to its end; a silent one is given up. */
  async stream(path, lastId, { onEvent, onSilence, onOpen, signal }) {
    const abort = new AbortController(), end = () => abort.abort();
    signal.addEventListener("abort", end);
    let heard = Date.now(), any = false, polled = heard;
    const watch = setInterval(() => {
      const now = Date.now();
      if (now - heard > (any ? SILENCE : FIRST_BYTE)) end();
      else if (!any && now - polled > POLL) (polled = now), onSilence?.();
    }, 500);
    const wake = () => any && Date.now() - heard > 2e4 && end();
    globalThis.addEventListener?.("online", wake);
    globalThis.document?.addEventListener("visibilitychange", wake);
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const answer = await this.open(path, { headers, signal: abort.signal });
      onOpen?.();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "", event = {};
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard = Date.now();
        any = true;
        const lines = (text + value).split(/\r?\n/);
        text = lines.pop();
        for (const line of lines) {
          const [, field, said] = /^([^:]*):? ?(.*)$/.exec(line);
          if (line) event[field] = said;
          else if (event.data) onEvent(event.event, JSON.parse(event.data), event.id), (event = {});
          else event = {};
        }
      }
    } finally {
      clearInterval(watch);
      end();
      signal.removeEventListener("abort", end);
      globalThis.removeEventListener?.("online", wake);
      globalThis.document?.removeEventListener("visibilitychange", wake);
    }
  }
}

/** Where this person should be, for all tabs of a browser: one of them reads the stream and tells the others. */
class Seat {
  #api; #channel; #leads = false; #unanswered = 0; #lastId; #told = new Set(); #abort = new AbortController();
  constructor(api, hear) {
    this.#api = api;
    this.hear = hear;
    this.now = null;
    this.signal = api.signal;
  }
  async ask() {
    this.#take(await this.#api.call("GET", "/v1/seat"));
    return this.now;
  }
  #take(seat) {
    if (this.now && seat.version < this.now.version) return;
    const before = this.now;
    this.now = seat;
    if (JSON.stringify(before) !== JSON.stringify(seat)) this.hear("seat", seat, before);
  }
  take(seat) {
    this.#take(seat);
    return seat;
  }
  #said(name, data, id) {
    this.#lastId = id || this.#lastId;
    if (name === "seat") return this.#take(data);
    const key = `${name} ${id}`;
    if (id && this.#told.has(key)) return;
    this.#told.add(key);
    this.hear(name, data);
  }
  start() {
    const key = this.#api.whose, locks = globalThis.navigator?.locks;
    this.#api.onToken = () => this.#abort.abort();
    try {
      this.#channel = key && locks && new BroadcastChannel(key);
    } catch {}
    if (!this.#channel) return void this.#lead(this.signal);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.signal.addEventListener("abort", () => this.#channel.close());
    this.#queue(locks, key);
  }
  #heard({ ask, name, data, id, lastId }) {
    if (ask) return void (this.#leads && this.#channel.postMessage({ lastId: this.#lastId }));
    if (this.#leads) return;
    this.#unanswered = 0;
    this.#lastId = lastId ?? this.#lastId;
    if (name) this.#said(name, data, id);
  }
  async #queue(locks, key) {
    while (!this.signal.aborted) {
      const waiting = new AbortController(), end = () => waiting.abort();
      this.signal.addEventListener("abort", end);
      this.#unanswered = 0;
      const asking = setInterval(() => {
        if (this.#leads) return;
        if (++this.#unanswered > UNANSWERED) end();
        else this.#channel.postMessage({ ask: true });
      }, ASK_LEADER);
      const lead = async () => {
        if (this.signal.aborted) return;
        const leading = new AbortController();
        this.deposed = () => leading.abort();
        this.signal.addEventListener("abort", this.deposed);
        this.#leads = true;
        await this.#lead(leading.signal).finally(() => (this.#leads = false));
      };
      await locks.request(key, { signal: waiting.signal }, lead).catch((cause) => {
        this.deposed?.();
        if (cause.name !== "AbortError") return this.#lead(this.signal);
      });
      // A leader that answers no more is asleep: its place is taken.
      if (waiting.signal.aborted && !this.signal.aborted) {
        await locks.request(key, { steal: true }, lead).catch(() => this.deposed?.());
      }
      clearInterval(asking);
      this.signal.removeEventListener("abort", end);
      await sleep(pause(5), this.signal);
    }
  }
  /** Read the stream again and again. Without a token that is good another tab should try. */
  async #lead(signal) {
    for (let tries = 0; !signal.aborted; tries++) {
      this.#abort = new AbortController();
      const end = () => this.#abort.abort();
      signal.addEventListener("abort", end);
      let wait = 0, refused = false;
      try {
        await this.#api.stream("/v1/seat/events", this.#lastId, {
          signal: this.#abort.signal,
          onEvent: (name, data, id) => {
            tries = 0;
            this.#said(name, data, id);
            this.#channel?.postMessage({ name, data, id });
          },
          onSilence: () => this.#poll(),
        });
      } catch (cause) {
        wait = cause.wait ?? 0;
        refused = cause.status === 401;
        if (!this.#abort.signal.aborted) this.#api.fail(cause.code ?? "network", "the seat's stream has ended", cause);
      }
      signal.removeEventListener("abort", end);
      if (signal.aborted || (refused && this.#channel)) return;
      if (tries) await this.#poll();
      await sleep(Math.max(wait, pause(tries)), signal);
    }
  }
  #poll() {
    return attempt(async () => {
      const data = await this.ask();
      this.#channel?.postMessage({ name: "seat", data });
    });
  }
}

const RUNNING = ["opening", "open", "closing"], DRAFT = "new:";
const natural = (a, b) => a.title.localeCompare(b.title, undefined, { numeric: true });

/** RealtimeKit's `connectedMeetings`, so that its own breakout UI drives ours. */
class Rooms extends Emitter {
  meetings = [];
  parentMeeting = null;
  #api; #session; #settings; #end = new AbortController(); #ended; #running = null; #known; #people = []; #mine = new Map();
  #made = new Map(); #drafts = null; #moves = []; #deletes = []; #flushing; #starting; #timer; #reading; #streamed;
  constructor(host, api, session) {
    super();
    const { BreakoutRoomsManager, ...settings } = Object(host);
    this.#api = api;
    this.#session = session;
    this.#settings = settings;
    this.#ended = this.#end.signal;
    if (BreakoutRoomsManager) this.#dealEvenly(BreakoutRoomsManager.prototype);
    this.#renameLive();
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
  start() {
    this.#listen(`/v1/meetings/${this.#session.seat.meeting_id}/events`, this.#ended);
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
    const all = gone.length > 0 && this.#rooms().every(({ id }) => gone.includes(id));
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
  #room(id) {
    return this.#rooms().find(
      (room) => id && (room.realtimekit_meeting_id === id || this.#made.get(id) === room.id || DRAFT + room.name === id),
    ) ?? (this.#made.has(id) ? { id: this.#made.get(id) } : undefined);
  }
  #custom(id) {
    return this.#mine.get(id) ?? id;
  }
  #stale() {
    if (!this.#ended.aborted) this.#timer ??= setTimeout(() => ((this.#timer = null), this.#read().catch(() => {})), 250);
  }
  async #read() {
    const before = this.#reading;
    const mine = (this.#reading = (async () => {
      await before?.catch(() => {});
      const path = `/v1/meetings/${this.#session.seat.meeting_id}`;
      const get = (more) => this.#api.call("GET", path + more);
      const [meeting, list, people] = await Promise.all([get(""), get("/breakouts?order=desc&limit=200"), this.#all(get)]);
      const found = list.items.find(({ state }) => RUNNING.includes(state));
      this.#running = found ? await this.#api.call("GET", `/v1/breakouts/${found.id}`) : null;
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
    const shown = this.#rooms().filter((room) => room.realtimekit_meeting_id);
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
    const id = this.#running?.id;
    if (this.#streamed?.id === id) return;
    this.#streamed?.end.abort();
    this.#streamed = id && { id, end: new AbortController() };
    if (!id) return;
    this.#ended.addEventListener("abort", () => this.#streamed?.end.abort());
    this.#listen(`/v1/breakouts/${id}/events`, this.#streamed.end.signal);
  }
  async #listen(path, signal) {
    let lastId;
    for (let tries = 0; !signal.aborted; tries++) {
      const onEvent = (name, data, id) => {
        lastId = id ?? lastId;
        tries = 0;
        this.#stale();
      };
      const stale = () => this.#stale();
      await attempt(() => this.#api.stream(path, lastId, { signal, onEvent, onOpen: stale, onSilence: stale }));
      this.#stale();
      await sleep(Math.min(1200, pause(tries)), signal);
    }
  }
  #dealEvenly(manager) {
    const theirs = manager.assignParticipantsRandomly, rooms = this;
    manager.assignParticipantsRandomly = function () {
      const hosts = new Set(rooms.#people.filter(({ role }) => role === "host").map((it) => it.custom_participant_id));
      const people = this.unassignedParticipants.filter((it) => !hosts.has(it.customParticipantId));
      for (const { customParticipantId } of people.map((it) => [Math.random(), it]).sort().map(([, it]) => it)) {
        const [least] = this.allConnectedMeetings.sort((a, b) => a.participants.length - b.participants.length);
        this.assignParticipantsToMeeting([customParticipantId], least.id);
      }
      return this.currentState;
    };
    this.#ended.addEventListener("abort", () => (manager.assignParticipantsRandomly = theirs));
  }
  /** Its cards hide the pencil while a breakout runs, and don't send what is typed: they are told that none runs. */
  #renameLive() {
    const card = "rtk-breakout-room-manager", rooms = this;
    globalThis.document?.addEventListener("update", (event) => {
      const { id, title } = event.detail ?? {};
      if (event.composedPath()[0].localName !== card || !rooms.#room(id)) return;
      rooms.updateMeetings([{ id, title }]).catch(() => {});
    }, { signal: this.#ended });
    globalThis.customElements?.whenDefined(card).then(() => {
      const { prototype } = customElements.get(card);
      const own = Object.getOwnPropertyDescriptor(prototype, "meeting");
      if (!own?.set || this.#ended.aborted) return;
      const set = function (meeting) {
        const { self, meta, participants, connectedMeetings: { meetings, parentMeeting } } = meeting;
        const told = { self, meta, participants, connectedMeetings: { isActive: false, meetings, parentMeeting } };
        own.set.call(this, told);
      };
      Object.defineProperty(prototype, "meeting", { ...own, set });
      this.#ended.addEventListener("abort", () => Object.defineProperty(prototype, "meeting", own));
    });
  }
}

class Session extends Emitter {
  #options; #api; #seat; #stop = new AbortController(); #client = null; #move = null; #unsure = false; #refused;
  #woken = () => {}; #ready = () => {}; #host;
  constructor(options) {
    super();
    for (const name of ["baseUrl", "RealtimeKitClient"]) {
      if (!options?.[name]) throw new TypeError(`connectBreakouts needs ${name}`);
    }
    if (!options.clientToken && !options.getClientToken) {
      throw new TypeError("connectBreakouts needs clientToken or getClientToken");
    }
    this.#options = options;
    const { signal } = this.#stop;
    const fail = (code, message, cause) => signal.aborted || this.emit("error", { code, message, cause });
    this.fail = (cause) => fail(cause?.code ?? "failed", cause?.message ?? String(cause), cause);
    this.#api = new Api(options, fail, signal);
    this.#seat = new Seat(this.#api, (name, data, before) => this.#hear(name, data, before));
    if (options.host) this.#host = new Rooms(options.host, this.#api, this);
    if (options.meeting) {
      this.#client = this.#watch(options.meeting);
      this.#host?.dress(options.meeting);
    }
  }
  get meeting() {
    return this.#client?.it ?? null;
  }
  get seat() {
    return this.#seat.now;
  }
  async start() {
    for (let tries = 0; !this.seat; tries++) {
      try {
        await this.#seat.ask();
      } catch (cause) {
        if (cause.status === 401) throw (this.close(), cause);
        await sleep(Math.max(cause.wait ?? 0, pause(tries)));
      }
    }
    this.#seat.start();
    this.#host?.start();
    const first = new Promise((resolve) => (this.#ready = resolve));
    this.#follow();
    if (!this.#client) await first;
    return this;
  }
  async chooseRoom(roomId) {
    return this.#seat.take(await this.#api.call("PUT", "/v1/seat/room", { room_id: roomId }));
  }
  askForHelp() {
    return this.#api.call("POST", "/v1/seat/help");
  }
  resume() {
    if (this.#client?.state === "left") this.#again(this.#client);
    return this;
  }
  close() {
    this.#stop.abort();
    this.#host?.close();
    this.#woken();
  }
  #hear(name, data, before) {
    this.emit(name, data);
    if (name !== "seat") return;
    const was = before?.breakout?.id;
    if (was && was !== data.breakout?.id) this.emit("closed", { breakout_id: was });
    this.#woken();
  }
  #again(client) {
    client.state = "out";
    this.#unsure = true;
    this.#woken();
  }
  /** Keep an eye on a client: whether it is in its meeting, and what of it is on. */
  #watch(it) {
    const { self } = it;
    const client = { it, state: self.roomJoined ? "in" : "waiting" };
    const look = () => {
      // Who is put out is muted first, which is not what they wanted.
      if (self.stageStatus !== "OFF_STAGE") client.media = { audio: self.audioEnabled, video: self.videoEnabled };
    };
    client.media = { audio: self.audioEnabled, video: self.videoEnabled };
    self.on("audioUpdate", look);
    self.on("videoUpdate", look);
    self.on("roomJoined", () => {
      if (client.state === "waiting") client.state = "in";
      look();
      this.#woken();
    });
    self.on("roomLeft", ({ state } = {}) => {
      if (this.#stop.signal.aborted || !["in", "waiting"].includes(client.state)) return;
      if (PUT_OUT.includes(state)) this.#again(client);
      if (state === "failed") attempt(() => it.leave(state)); // its camera is still on
      if (!GONE_FOR_GOOD.includes(state)) return;
      client.state = "left";
      this.emit("left", { state });
    });
    return client;
  }
  async #follow() {
    const { signal } = this.#stop;
    for (let tries = 0; !signal.aborted; ) {
      const woken = new Promise((resolve) => (this.#woken = resolve));
      try {
        await this.#settle();
        tries = 0;
        await woken;
      } catch (cause) {
        this.#unsure = true;
        this.fail(cause);
        await Promise.race([woken, sleep(Math.max(cause?.wait ?? 0, pause(tries++)), signal)]);
      }
    }
  }
  async #settle() {
    const client = this.#client;
    if (client?.state === "left" || client?.state === "waiting") return;
    // While nobody answers, what was heard last still counts.
    if (this.#unsure) await attempt(() => this.#seat.ask(), (cause) => { if (cause.status) throw cause; });
    this.#unsure = false;
    const { seat } = this, refused = this.#refused;
    if (client?.state === "in" && client.it.meta.meetingId === seat.realtimekit_meeting_id) {
      this.#move = null;
      await this.#arrived(client, seat);
    } else if (seat.auth_token && !(refused?.version === seat.version && Date.now() < refused.until)) {
      await this.#go(client, seat);
    }
  }
  async #arrived(client, { location, room_id, version }) {
    const at = `${location} ${room_id}`;
    if (client.state !== "in" || client.at === at) return;
    await this.#ack({ location, room_id: room_id ?? undefined, version });
    client.at = at;
  }
  async #ack(body) {
    this.#seat.take(await this.#api.call("POST", "/v1/seat/ack", body));
  }
  /** Leave one meeting for another. What was on before the move began is on after it, however often it is tried. */
  async #go(old, seat) {
    const to = seat.realtimekit_meeting_id, rooms = old?.it.connectedMeetings, self = old?.it.self;
    if (this.#move?.to !== to || this.#move.old !== old) {
      const going = old && this.#move?.old === old ? this.#move : null;
      const now = old?.state === "in" ? { audio: self.audioEnabled, video: self.videoEnabled } : old?.media;
      const handler = going ? going.handler : old?.state === "in" ? self : undefined;
      this.#move = { to, old, media: going?.media ?? now, handler };
      if (old) this.#announce(rooms, seat);
    }
    const { media, handler } = this.#move;
    if (old?.state === "in") {
      old.state = "moving";
      if (media.audio) await attempt(() => patient(self.disableAudio()));
      await attempt(() => self.cleanupEvents?.());
      await attempt(() => old.it.leave("connected-meeting"), this.fail);
      old.state = "out";
    }
    const next = await this.#enter(seat, old && { audio: false, video: media.video, mediaHandler: handler });
    const { it } = next;
    if (media?.audio && !it.self.audioEnabled) await attempt(() => patient(it.self.enableAudio()), this.fail);
    if (seat.location === "room") it.meta.meetingTitle = seat.room_name;
    this.#host?.dress(it);
    this.#client = next;
    this.#move = null;
    const { rtkMeeting } = this.#options;
    if (rtkMeeting) Object.assign(rtkMeeting, { showSetupScreen: false, meeting: it });
    this.#ready();
    if (old) {
      this.emit("meetingChanged", it);
      rooms?.emit("meetingChanged", it);
    }
    await this.#arrived(next, seat);
  }
  #announce(rooms, seat) {
    const id = seat.parent_realtimekit_meeting_id, to = seat.realtimekit_meeting_id;
    if (rooms && rooms !== this.#host && rooms.parentMeeting?.id !== id) {
      rooms.parentMeeting = { id, title: "", participants: [] };
    }
    this.emit("changingMeeting", to);
    rooms?.emit("changingMeeting", to);
  }
  /** Make a client and let it join; a join that failed for a moment is tried again on the same client. */
  async #enter(seat, defaults) {
    const { RealtimeKitClient, init } = this.#options;
    const options = { ...init, authToken: seat.auth_token };
    if (defaults) options.defaults = { ...init?.defaults, ...defaults };
    const it = await RealtimeKitClient.init(options).catch(async (cause) => {
      if (cause?.code === "0004") {
        this.#refused = { version: seat.version, until: Date.now() + 1e4 };
        await this.#ack({ location: "refused", version: seat.version });
      }
      throw cause;
    });
    const client = this.#watch(it);
    for (let tries = 1; ; tries++) {
      try {
        await it.join();
        if (it.self.roomJoined) client.state = "in";
        return client;
      } catch (cause) {
        const stale = this.seat.realtimekit_meeting_id !== seat.realtimekit_meeting_id;
        if (cause?.code === "0002" && tries < 3 && !stale) {
          await sleep(pause(tries), this.#stop.signal);
          continue;
        }
        client.state = "gone";
        await attempt(() => (it.self.cleanupEvents?.(), it.leave("connected-meeting")));
        throw cause;
      }
    }
  }
}

/** Follow a person's seat; resolves when it is known, and when the page is in a meeting that this has made. */
export async function connectBreakouts(options) {
  return new Session(options).start();
}
