// What is made better of RealtimeKit's UI kit, for as long as a host's session lasts.

const layers = new WeakMap();

/** Put something in a property's place until the signal ends, whatever else is put there and taken away meanwhile. */
function replace(object, name, made, signal) {
  const own = layers.get(object) ?? [Object.getOwnPropertyDescriptor(object, name)];
  const mine = { ...made(own[0]), configurable: true };
  const show = () => (own.at(-1) ? Object.defineProperty(object, name, own.at(-1)) : delete object[name]);
  own.push(mine);
  layers.set(object, own);
  show();
  signal.addEventListener("abort", () => {
    own.splice(own.indexOf(mine), 1);
    if (own.length === 1) layers.delete(object);
    show();
  });
}

/** Shuffle so that rooms differ by one at most, and leave hosts out. */
export function dealEvenly(manager, hosts, signal) {
  const even = function () {
    const left = hosts();
    const people = this.unassignedParticipants.filter((it) => !left.has(it.customParticipantId));
    for (const { customParticipantId } of people.map((it) => [Math.random(), it]).sort().map(([, it]) => it)) {
      const [least] = this.allConnectedMeetings.sort((a, b) => a.participants.length - b.participants.length);
      this.assignParticipantsToMeeting([customParticipantId], least.id);
    }
    return this.currentState;
  };
  replace(manager, "assignParticipantsRandomly", (own) => ({ writable: true, ...own, value: even }), signal);
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
    if (!Object.getOwnPropertyDescriptor(prototype, "meeting")?.set || signal.aborted) return;
    replace(prototype, "meeting", (own) => ({
      ...own,
      set({ self, meta, participants, connectedMeetings: { meetings, parentMeeting } }) {
        own.set.call(this, { self, meta, participants, connectedMeetings: { isActive: false, meetings, parentMeeting } });
      },
    }), signal);
  });
}
