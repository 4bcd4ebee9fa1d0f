import { Api } from "./api.js";
import { Emitter } from "./emitter.js";
import { Rooms } from "./rooms.js";
import { Seat } from "./seat.js";
import { attempt, patient, pause, sleep } from "./waiting.js";

const GONE_FOR_GOOD = ["left", "rejected", "stageLeft"];
const PUT_OUT = ["kicked", "ended", "failed"];

/** One page that follows its seat. */
export class Session extends Emitter {
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
  get breakout() {
    return this.#host?.breakout ?? null;
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
    if (before?.version !== data.version) this.#woken(); // counts alone are no reason to try a move again at once
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
    const on = () => ({ audio: self.audioEnabled, video: self.videoEnabled });
    const here = () => client.state === "in" || client.state === "waiting";
    const look = () => {
      // Who is put out is muted first, which is not what they wanted.
      const now = self.stageStatus === "OFF_STAGE" ? client.media : on();
      setTimeout(() => here() && (client.media = now));
    };
    client.media = on();
    self.on("audioUpdate", look);
    self.on("videoUpdate", look);
    self.on("roomJoined", () => {
      if (client.state === "waiting") client.state = "in";
      this.#woken();
    });
    self.on("roomLeft", ({ state } = {}) => {
      // Who leaves while the page moves has the old client in their hands, and means it.
      const leaves = client === this.#client && client.state !== "left" && GONE_FOR_GOOD.includes(state);
      if (this.#stop.signal.aborted && leaves) client.state = "left";
      if (this.#stop.signal.aborted || !(here() || leaves)) return;
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
        const wait = await this.#settle();
        tries = 0;
        await (wait > 0 ? Promise.race([woken, sleep(wait, signal)]) : woken);
      } catch (cause) {
        this.#unsure = true;
        this.fail(cause);
        await Promise.race([woken, sleep(Math.max(cause?.wait ?? 0, pause(tries++)), signal)]);
      }
    }
  }
  /** Go where the seat says. Returns after how many milliseconds to look again, if nothing happens before. */
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
    } else if (refused?.version === seat.version && Date.now() < refused.until) {
      await this.#sayRefused();
      return Math.max(1, refused.until - Date.now());
    } else if (seat.auth_token) {
      await this.#go(client, seat);
    }
  }
  /** Report a refused token once, however many tries that takes. */
  async #sayRefused() {
    const refused = this.#refused;
    if (refused.isTold) return;
    await this.#ack({ location: "refused", version: refused.version });
    refused.isTold = true;
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
    const isOver = () => old?.state === "left";
    if (isOver() || this.#stop.signal.aborted) return; // once the old meeting is left, a move is not given up half way
    if (old?.state === "in") {
      old.state = "moving";
      if (media.audio) await attempt(() => patient(self.disableAudio()));
      await attempt(() => self.cleanupEvents?.());
      await attempt(() => old.it.leave("connected-meeting"), this.fail);
      if (old.state === "moving") old.state = "out";
    }
    const defaults = old && { audio: false, video: media.video, mediaHandler: handler };
    const next = isOver() ? null : await this.#enter(seat, defaults, isOver);
    if (!next) return void (this.#move = null);
    const { it } = next;
    if (media) next.media = media;
    if (media?.audio && !it.self.audioEnabled) await attempt(() => patient(it.self.enableAudio()), this.fail);
    if (isOver()) {
      this.#move = null;
      return void (await this.#putOff(next));
    }
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
  /** Make a client and let it join; a join that failed for a moment is tried again on it. Null when it is over. */
  async #enter(seat, defaults, isOver) {
    const { RealtimeKitClient, init } = this.#options;
    const options = { ...init, authToken: seat.auth_token };
    if (defaults) options.defaults = { ...init?.defaults, ...defaults };
    const it = await RealtimeKitClient.init(options).catch(async (cause) => {
      if (cause?.code === "0004") {
        this.#refused = { version: seat.version, until: Date.now() + 1e4 };
        await this.#sayRefused();
      }
      throw cause;
    });
    const client = this.#watch(it);
    for (let tries = 1; !isOver(); tries++) {
      try {
        await it.join();
        if (isOver()) break;
        if (it.self.roomJoined) client.state = "in";
        return client;
      } catch (cause) {
        const stale = this.seat.realtimekit_meeting_id !== seat.realtimekit_meeting_id;
        if (cause?.code === "0002" && tries < 3 && !stale) {
          await sleep(pause(tries), this.#stop.signal);
          continue;
        }
        await this.#putOff(client, "connected-meeting");
        throw cause;
      }
    }
    await this.#putOff(client);
    return null;
  }
  /** Leave with a client that is not to be used; without a reason its camera and microphone end too. */
  #putOff(client, reason) {
    client.state = "gone";
    return attempt(() => (client.it.self.cleanupEvents?.(), client.it.leave(reason)));
  }
}
