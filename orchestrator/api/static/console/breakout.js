// One breakout as the page holds it: a signal for each room and each person, so that an event touches what it is about.
import { ask, call, get, newKey } from "./api.js";
import { batch, computed, signal } from "./lib.js";
import { complain, say } from "./say.js";
import { follow, gently, perFrame } from "./stream.js";
import { T } from "./texts.js";

const READ_MS = 400; // at most so often while it is small
const READ_LARGE_MS = 4000;
const LARGE_PEOPLE = 600;
const LOOK_MS = 10_000; // what happens without an event is seen after this
const ASKED_MS = [700, 2000, 4000];
/** Events that say all that is to be shown by themselves. */
const NEWCOMERS = new Set(["assigned"]);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

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
    /** What somebody else has changed since: {fields, again}. */
    this.stale = signal(null);
    this.help = signal([]);
    this.people = new Map();
    this.roomsById = new Map();
    this.chosen = signal(0);
    /** People who are being moved: what the server says of their place waits until it has answered. */
    this.moving = new Map();
    this.queue = Promise.resolve();
    this.shownProblems = null;
    this.stopper = new AbortController();
    this.readSoon = gently(() => this.read(), READ_MS);
    this.readLater = gently(() => this.read(), READ_LARGE_MS);
    this.readHelp = gently(() => this.#help(), READ_MS);
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
    try {
      const [last] = (await get(`${this.path}/log?order=desc&limit=1`, { signal: this.stopper.signal })).items;
      await this.read();
      this.readHelp();
      this.unfollow = follow(`${this.path}/events`, {
        lastId: last?.id,
        take: perFrame((events) => batch(() => events.forEach(([type, data]) => this.#event(type, data.data)))),
        opened: () => (this.readSoon(), this.readHelp()),
        gone: () => this.readSoon(),
      });
      this.looking = setInterval(() => !document.hidden && this.readAgain(), LOOK_MS);
      if (this.stopper.signal.aborted) this.stop();
    } catch (error) {
      if (!this.stopper.signal.aborted && !this.problem.value) this.problem.value = error;
    }
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
      if (error.status === 404 || !this.all.peek()) this.problem.value = error;
      throw error;
    }
  }

  async #help() {
    this.help.value = (await get(`${this.path}/help?limit=200`, { signal: this.stopper.signal })).items ?? [];
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
   * rests on the answer to the one before. A stale one is offered again on top of the newer state.
   */
  change(method, path, body, { base, force } = {}) {
    const work = async () => {
      const key = method === "POST" ? newKey() : undefined;
      const match = force ? undefined : (base ?? this.version);
      try {
        const found = await call(method, `${this.path}${path}`, { body, match, key });
        if (found?.rooms) this.take(found);
        else await this.read().catch(() => this.readSoon());
        return found;
      } catch (error) {
        if (error.status === 412) this.#offer(error, () => this.change(method, path, body, { force: true }));
        throw error;
      }
    };
    const result = this.queue.then(work);
    this.queue = result.catch(() => {});
    return result;
  }

  #offer(error, again) {
    error.isHandled = true;
    this.stale.value = { fields: error.fields || [], again };
    this.readSoon();
  }

  /** Moves people at once on the page, and then at the server; who can't be moved comes back with the reason. */
  async move(people, room) {
    const movers = people.filter((one) => one.room.peek() !== room);
    if (!movers.length) return;
    const from = new Map(movers.map((one) => [one, one.room.peek()]));
    batch(() => {
      movers.forEach((one) => (this.moving.set(one.id, room), this.#place(one, room)));
      this.chooseNobody();
    });
    const where = room ? room.all.peek().name : T.board.main;
    let count = 0;
    for (const one of movers) {
      try {
        const path = `/participants/${encodeURIComponent(one.id)}/room`;
        const settle = () => this.moving.delete(one.id);
        await this.#moveOne(path, room, settle);
        count++;
      } catch (error) {
        this.moving.delete(one.id);
        this.#place(one, from.get(one));
        if (!error.isHandled && error.status !== 401) complain(T.board.notMoved(one.name.peek(), error.message));
      }
    }
    if (count) say(count === 1 ? T.board.moved(movers[0].name.peek(), where) : T.board.movedMany(count, where));
  }

  #moveOne(path, room, settle) {
    const body = { room_id: room?.id ?? null };
    const work = async (force) => {
      try {
        const found = await call("PUT", `${this.path}${path}`, { body, match: force ? undefined : this.version });
        settle();
        this.take(found);
      } catch (error) {
        if (error.status === 412) this.#offer(error, () => this.queue.then(() => work(true)));
        throw error;
      }
    };
    const result = this.queue.then(() => work(false));
    this.queue = result.catch(() => {});
    return result;
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
    await ask("POST", `${this.path}/help/${id}/resolve`, { key: newKey() });
    this.readHelp();
  }
}
