// What is made better of RealtimeKit's UI kit, for as long as a host's session lasts.

/** Shuffle so that rooms differ by one at most, and leave hosts out. */
export function dealEvenly(manager, hosts, signal) {
  const theirs = manager.assignParticipantsRandomly;
  manager.assignParticipantsRandomly = function () {
    const left = hosts();
    const people = this.unassignedParticipants.filter((it) => !left.has(it.customParticipantId));
    for (const { customParticipantId } of people.map((it) => [Math.random(), it]).sort().map(([, it]) => it)) {
      const [least] = this.allConnectedMeetings.sort((a, b) => a.participants.length - b.participants.length);
      this.assignParticipantsToMeeting([customParticipantId], least.id);
    }
    return this.currentState;
  };
  signal.addEventListener("abort", () => (manager.assignParticipantsRandomly = theirs));
}

/** Cards hide the pencil while a breakout runs, and don't send what is typed: they are told that none runs. */
export function renameLive(knows, rename, signal) {
  const card = "rtk-breakout-room-manager";
  const typed = (event) => {
    const { id, title } = event.detail ?? {};
    if (event.composedPath()[0].localName === card && knows(id)) rename(id, title).catch(() => {});
  };
  globalThis.document?.addEventListener("update", typed, { signal });
  globalThis.customElements?.whenDefined(card).then(() => {
    const { prototype } = customElements.get(card);
    const own = Object.getOwnPropertyDescriptor(prototype, "meeting");
    if (!own?.set || signal.aborted) return;
    const set = function (meeting) {
      const { self, meta, participants, connectedMeetings: { meetings, parentMeeting } } = meeting;
      own.set.call(this, { self, meta, participants, connectedMeetings: { isActive: false, meetings, parentMeeting } });
    };
    Object.defineProperty(prototype, "meeting", { ...own, set });
    signal.addEventListener("abort", () => Object.defineProperty(prototype, "meeting", own));
  });
}
