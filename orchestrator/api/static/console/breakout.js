// One breakout as the page holds it: a signal for each room and each person, so that an event touches what it is about.
import { call, get, list, post } from "./api.js";
import { batch, computed, signal } from "./lib.js";
import { complain, refuse, say } from "./say.js";
import { orAsk } from "./stale.js";
import { follow, gently, insist, perFrame } from "./stream.js";
import { T } from "./texts.js";

const READ_MS = 400; // at most so often while it is small
const READ_LARGE_MS = 4000;
const LARGE_PEOPLE = 600;
const LOOK_MS = 10_000; // what happens without an event is seen after this
const ASKED_MS = [700, 2000, 4000];
/** Events that say all that is to be shown by themselves. */
const NEWCOMERS = new Set(["assigned"]);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Refusals that say nothing of the person: nobody is signed in any more, or somebody else was faster. */
const FOR_ALL = new Set([401, 412]);
const ARRIVED = new Set(["joined", "returned"]);

class Person {
  constructor(id) {
    this.id = id;
    this.name = signal(id);
    this.state = signal("assigned");
    this.pinned = signal(false);
    this.room = signal(null);
    this.chosen = signal(false);
  }
}

class Room {
  constructor(id) {
    this.id = id;
    this.all = signal(null); // R without its people
    this.people = signal([]);
    this.missing = computed(() => this.people.value.filter((one) => !ARRIVED.has(one.state.value)));
    this.here = computed(() => this.people.value.filter((one) => one.state.value === "joined").length);
  }
}

export class Breakout {
  constructor(id) {
    this.id = id;
    this.path = `/v1/breakouts/${id}`;
    this.all = signal(null); // B without rooms
    this.rooms = signal([]);
    this.unassigned = signal([]);
    this.problem = signal(null);
    this.help = signal([]);
    this.people = new Map();
    this.roomsById = new Map();
    this.chosen = signal(0);
    /** People who are being moved: what the server says of their place waits until it has answered. */
    this.moving = new Map();
    this.queue = Promise.resolve();
    /** How many own changes wait for their turn or for their answer. */
    this.changing = signal(0);
    /** The versions that own changes alone have led to, by those on which they rested. */
    this.ownSteps = new Map();
    this.shownProblems = null;
    this.stopper = new AbortController();
    this.left = this.stopper.signal;
    this.readSoon = gently(() => this.read(), READ_MS, this.stopper.signal);
    this.readLater = gently(() => this.read(), READ_LARGE_MS, this.stopper.signal);
    this.readHelp = gently(() => this.#help(), READ_MS, this.stopper.signal);
  }

  get version() {
    return this.all.peek().version;
  }

  get isLarge() {
    return this.people.size > LARGE_PEOPLE;
  }

  readAgain() {
    (this.isLarge ? this.readLater : this.readSoon)();
  }

  async start() {
    const stop = this.stopper.signal;
    try {
      const last = await insist(() => this.#first(), stop);
      if (stop.aborted) return;
      this.readHelp();
      this.unfollow = follow(`${this.path}/events`, {
        lastId: last?.id,
        take: perFrame((events) => batch(() => events.forEach(([type, data]) => this.#event(type, data.data)))),
        opened: () => (this.readSoon(), this.readHelp()),
        gone: () => this.readSoon(),
      });
      this.looking = setInterval(() => !document.hidden && this.readAgain(), LOOK_MS);
    } catch (error) {
      if (!stop.aborted) this.problem.value = error;
    }
  }

  /** Reads all there is, and returns the event after which the stream goes on. */
  async #first() {
    const { items } = await get(`${this.path}/log?order=desc&limit=1`, { signal: this.stopper.signal });
    await this.read();
    return items[0];
  }

  stop() {
    this.stopper.abort();
    this.unfollow?.();
    clearInterval(this.looking);
  }

  /** Looks again soon: what was asked for happens at RealtimeKit first. */
  readWhenDone() {
    for (const ms of ASKED_MS) setTimeout(() => this.readAgain(), ms);
  }

  async read() {
    try {
      this.take(await get(this.path, { signal: this.stopper.signal }));
      this.problem.value = null;
    } catch (error) {
      if (error.status === 404) this.problem.value = error;
      throw error;
    }
  }

  async #help() {
    this.help.value = await list(`${this.path}/help`, this.stopper.signal);
  }

  /** Takes a whole B, as any answer brings it. An older one than is shown already is passed over. */
  take(found) {
    if (this.all.peek() && found.version < this.version) return;
    const { rooms, unassigned, ...all } = found;
    batch(() => {
      this.#tellProblems(all.problems);
      this.all.value = all;
      const unseen = new Set(this.people.keys());
      const list = rooms.map((room) => this.#room(room, unseen));
      if (!same(list.map((room) => room.id), this.rooms.peek().map((room) => room.id))) this.rooms.value = list;
      this.#members(null, unassigned.map((id) => this.#person(id, unseen)));
      for (const id of unseen) this.#forget(id);
    });
  }

  #room({ participants, ...all }, unseen) {
    let room = this.roomsById.get(all.id);
    if (!room) this.roomsById.set(all.id, (room = new Room(all.id)));
    if (!same(room.all.peek(), all)) room.all.value = all;
    const members = participants.map((one) => {
      const person = this.#person(one.custom_participant_id, unseen);
      person.name.value = one.name;
      person.state.value = one.state;
      person.pinned.value = one.pinned;
      return person;
    });
    this.#members(room, members);
    return room;
  }

  #person(id, unseen) {
    unseen?.delete(id);
    let person = this.people.get(id);
    if (!person) this.people.set(id, (person = new Person(id)));
    return person;
  }

  #forget(id) {
    const person = this.people.get(id);
    if (this.moving.has(id)) return;
    if (person.chosen.peek()) this.choose([person], false);
    this.people.delete(id);
  }

  /** Sets who is in a room (null: in none), but for those who are being moved. */
  #members(room, members) {
    const list = room ? room.people : this.unassigned;
    const kept = this.moving.size ? members.filter((one) => !this.moving.has(one.id)) : members;
    for (const [id, target] of this.moving) if (target === room) kept.push(this.people.get(id));
    for (const one of kept) one.room.value = room;
    const old = list.peek();
    if (old.length !== kept.length || old.some((one, index) => one !== kept[index])) list.value = kept;
  }

  #tellProblems(problems) {
    const ids = problems.map((one) => `${one.at} ${one.what} ${one.room_id} ${one.custom_participant_id}`);
    if (this.shownProblems)
      problems.filter((_, index) => !this.shownProblems.has(ids[index])).forEach((one) => complain(`${one.what}: ${one.detail}`));
    this.shownProblems = new Set(ids);
  }

  #event(type, data) {
    if (type === "participant.state") {
      const person = this.people.get(data.custom_participant_id);
      if (person?.room.peek()?.id === data.room_id && !NEWCOMERS.has(data.to)) person.state.value = data.to;
      this.isLarge ? this.readLater() : this.readSoon();
      return;
    }
    if (type.startsWith("help.")) this.readHelp();
    if (type === "breakout.broadcast" || type === "breakout.warning") return;
    if (type === "breakout.state" || type === "breakout.changed") this.readSoon();
    else this.readAgain();
  }

  choose(people, is) {
    batch(() => {
      for (const one of people)
        if (one.chosen.peek() !== is) {
          one.chosen.value = is;
          this.chosen.value += is ? 1 : -1;
        }
    });
  }

  chosenPeople() {
    return [...this.people.values()].filter((one) => one.chosen.peek());
  }

  chooseNobody() {
    this.choose(this.chosenPeople(), false);
  }

  /**
   * Makes one change that rests on what the host saw (`base`: the version then). One after the other, so that each
   * rests on the answer to the one before; so may its body, when that is a function. About a stale one the host is
   * asked, and it lasts until there is an answer.
   */
  change(method, path, body, { base } = {}) {
    const send = (match) => this.#inTurn(() => this.#send(method, path, body, match?.()));
    const again = async () => {
      if (typeof body === "function") await this.read(); // on top of what somebody else has done
      const found = await send();
      say(T.plan.saved); // what asked for it may say more
      return found;
    };
    return send(() => this.#sinceOwn(base ?? this.version)).catch((error) => orAsk(error, again, this));
  }

  /** Says something to everybody, which rests on nothing that another host could have changed. */
  tell(path, body) {
    return this.#inTurn(() => this.#send("POST", path, body));
  }

  #inTurn(work) {
    const result = this.#counted(() => this.queue.then(work));
    this.queue = result.catch(() => {});
    return result;
  }

  async #counted(work) {
    this.changing.value++;
    try {
      return await work();
    } finally {
      this.changing.value--;
    }
  }

  async #send(method, path, body, match, settle) {
    const content = typeof body === "function" ? body() : body;
    const whole = `${this.path}${path}`;
    const found = await (method === "POST" ? post(whole, content, { match }) : call(method, whole, { body: content, match }));
    settle?.();
    if (found?.rooms) this.take(found);
    else await this.read().catch(() => this.readSoon());
    // Only a change that rested on a version was the one that came after it.
    if (match !== undefined && (found?.version ?? this.version) === match + 1) this.ownSteps.set(match, match + 1);
    return found;
  }

  /** The version up to which nobody else has changed anything since this one. */
  #sinceOwn(version) {
    let last = version;
    while (this.ownSteps.has(last)) last = this.ownSteps.get(last);
    return last;
  }

  /**
   * Moves people at once on the page, and then at the server; who can't be moved comes back with the reason. What is
   * refused for all of them is not tried for each. Forced, they move whatever somebody else has changed.
   */
  move(people, room, isForced = false) {
    return this.#counted(() => this.#moveAll(people, room, isForced));
  }

  async #moveAll(people, room, isForced) {
    const left = people.filter((one) => one.room.peek() !== room);
    const from = new Map(left.map((one) => [one, one.room.peek()]));
    this.#show(left, room);
    const moved = [];
    while (left.length) {
      const error = await this.#moveOne(left[0], room, isForced).then(() => null, (refusal) => refusal);
      const some = left.splice(0, FOR_ALL.has(error?.status) ? left.length : 1);
      if (error) this.#comeBack(some, from, room, error);
      else moved.push(...some);
    }
    const where = room ? room.all.peek().name : T.board.main;
    if (moved.length) say(moved.length === 1 ? T.board.moved(moved[0].name.peek(), where) : T.board.movedMany(moved.length, where));
  }

  #show(movers, room) {
    if (!movers.length) return;
    batch(() => {
      movers.forEach((one) => (this.moving.set(one.id, room), this.#place(one, room)));
      this.chooseNobody();
    });
  }

  #moveOne(person, room, isForced) {
    const path = `/participants/${encodeURIComponent(person.id)}/room`;
    const settle = () => this.moving.delete(person.id);
    return this.#inTurn(() => this.#send("PUT", path, { room_id: room?.id ?? null }, isForced ? undefined : this.version, settle));
  }

  #comeBack(people, from, room, error) {
    batch(() => people.forEach((one) => (this.moving.delete(one.id), this.#place(one, from.get(one)))));
    const again = () => this.move(people.map((one) => this.people.get(one.id)).filter(Boolean), room, true);
    const say = () => refuse(error, (why) => T.board.notMoved(people[0].name.peek(), why)); // given up, they stay there
    if (error.status === 401) this.choose(people, true); // who has signed in again need not find them again
    if (error.status === 412) orAsk(error, again, this).catch(say);
    else say();
  }

  #place(person, room) {
    const without = (list) => (list.value = list.peek().filter((one) => one !== person));
    const old = person.room.peek();
    if (old === room) return;
    batch(() => {
      without(old ? old.people : this.unassigned);
      const list = room ? room.people : this.unassigned;
      list.value = [...list.peek(), person];
      person.room.value = room;
    });
  }

  async resolveHelp(id) {
    await post(`${this.path}/help/${id}/resolve`);
    this.readHelp();
  }
}
