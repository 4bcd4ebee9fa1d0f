// The people of one meeting, each a signal of its own, kept up to date by the meeting's stream (or by asking, without).
import { get, readAll } from "./api.js";
import { batch, computed, signal } from "./lib.js";
import { follow, gently, perFrame } from "./stream.js";

const ASK_MS = 5000;

export class Roster {
  constructor(meetingId) {
    this.id = meetingId;
    this.path = `/v1/meetings/${meetingId}`;
    this.meeting = signal(null);
    this.problem = signal(null);
    /** Signals of P+ by custom_participant_id. */
    this.people = new Map();
    /** Raised whenever somebody comes to the list or leaves it. */
    this.size = signal(0);
    this.isWhole = signal(false);
    /** Raised when a breakout of the meeting is made or has another state. */
    this.breakoutsChanged = signal(0);
    this.hosts = computed(() => (this.size.value, [...this.people.values()].map((one) => one.value).filter((p) => p.role === "host")));
    this.stopper = new AbortController();
    this.readMeeting = gently(() => this.#meeting(), 1000, this.stopper.signal);
    this.readPeople = gently(() => this.#people(), ASK_MS, this.stopper.signal);
  }

  start() {
    const take = perFrame((events) => batch(() => events.forEach(([type, data]) => this.#event(type, data))));
    this.readMeeting();
    this.unfollow = follow(`${this.path}/events`, {
      take,
      opened: () => {
        // Nothing is replayed: what happened before is read now.
        this.readMeeting();
        this.readPeople();
        this.breakoutsChanged.value++;
      },
      gone: () => {
        this.readPeople();
        this.timer = setInterval(() => this.#poll(), ASK_MS);
      },
    });
    return () => {
      this.stopper.abort();
      this.unfollow();
      clearInterval(this.timer);
    };
  }

  #poll() {
    if (document.hidden || this.problem.value) return;
    this.readMeeting();
    this.breakoutsChanged.value++;
    if (this.people.size <= 1000) this.readPeople();
  }

  async #meeting() {
    try {
      this.meeting.value = await get(this.path, { signal: this.stopper.signal });
    } catch (error) {
      if (error.status === 404) this.problem.value = error;
      throw error;
    }
  }

  async #people() {
    const seen = new Set();
    const take = (page) =>
      batch(() => {
        for (const one of page) seen.add(one.custom_participant_id), this.#set(one);
      });
    await readAll(`${this.path}/participants`, take, this.stopper.signal);
    batch(() => {
      for (const id of this.people.keys()) if (!seen.has(id)) this.#remove(id);
      this.isWhole.value = true;
    });
  }

  #event(type, data) {
    if (type === "meeting.participant") this.#set(data);
    else if (type === "meeting.participant_removed") this.#remove(data.custom_participant_id);
    else if (type === "meeting.breakout") this.breakoutsChanged.value++;
    this.readMeeting(); // for its counts
  }

  #set(person) {
    const known = this.people.get(person.custom_participant_id);
    if (!known) {
      this.people.set(person.custom_participant_id, signal(person));
      this.size.value++;
    } else if (JSON.stringify(known.peek()) !== JSON.stringify(person)) {
      const isOther = known.peek().role !== person.role || known.peek().name !== person.name;
      known.value = person;
      if (isOther) this.size.value++;
    }
  }

  #remove(id) {
    if (this.people.delete(id)) this.size.value++;
  }

  /** The name of somebody. Whoever shows it is told when it comes or changes. */
  nameOf = (id) => (this.size.value, this.people.get(id)?.value.name ?? id);
}
