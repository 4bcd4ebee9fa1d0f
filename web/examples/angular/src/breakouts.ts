// Who is where, as signals: the rest of the app reads them, and knows nothing of moves.
import { Injectable, computed, signal } from "@angular/core";
import RealtimeKitClient from "@cloudflare/realtimekit";
import { connectBreakouts, type Seat, type Session } from "https://breakouts.example/sdk/v1/breakouts.js";

type Client = Awaited<ReturnType<typeof RealtimeKitClient.init>>;
type Person = { id: string; name: string };

@Injectable({ providedIn: "root" })
export class Breakouts {
  readonly seat = signal<Seat | null>(null);
  readonly people = signal<Person[]>([]);
  readonly notice = signal("On the way…");
  readonly room = computed(() => this.seat()?.room_name ?? "Main room");
  readonly canAskForHelp = computed(() => this.seat()?.location === "room");
  #session: Session<Client> | null = null;

  async connect(): Promise<void> {
    const session = await connectBreakouts<Client>({
      baseUrl: "https://breakouts.example",
      getClientToken: async () => (await fetch("/client-token", { method: "POST" })).text(),
      RealtimeKitClient,
      meeting: null,
      init: { defaults: { audio: false, video: false } },
    });
    session.on("seat", (seat) => this.seat.set(seat));
    session.on("changingMeeting", () => this.notice.set("On the way…"));
    session.on("meetingChanged", (meeting) => this.#watch(meeting));
    session.on("warning", ({ remaining_seconds }) => this.notice.set(`${remaining_seconds} s left`));
    session.on("closing", ({ countdown_seconds }) => this.notice.set(`Back in ${countdown_seconds} s`));
    session.on("broadcast", ({ text }) => this.notice.set(text));
    this.#session = session;
    this.seat.set(session.seat);
    this.#watch(session.meeting);
  }

  async askForHelp(): Promise<void> {
    await this.#session?.askForHelp();
    this.notice.set("A host has been called");
  }

  disconnect(): void {
    this.#session?.close();
  }

  #watch(meeting: Client): void {
    const joined = meeting.participants.joined;
    const show = () => this.people.set(joined.toArray().map(({ id, name }) => ({ id, name })));
    for (const event of ["participantJoined", "participantLeft"] as const) joined.on(event, show);
    this.notice.set("");
    show();
  }
}
