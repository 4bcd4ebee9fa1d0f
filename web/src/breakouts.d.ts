/** A person's seat: where they should be now. */
export interface Seat {
  version: number;
  location: "main" | "room";
  /** The id of the meeting at the orchestrator. */
  meeting_id: string;
  parent_realtimekit_meeting_id: string;
  realtimekit_meeting_id: string;
  /** Whether the room is or will be recorded; null in main. */
  recorded: boolean | null;
  room_id: string | null;
  room_name: string | null;
  /** RealtimeKit's token for that meeting; null in main for a moment. */
  auth_token: string | null;
  breakout: {
    id: string;
    state: string;
    closes_at: string | null;
    empties_at: string | null;
    paused: boolean;
    rooms: { id: string; name: string; participant_count: number }[] | null;
  } | null;
}

/** A breakout as its host's page knows it: what `GET /v1/breakouts/{breakout_id}` answers, of which this is a part. */
export interface Breakout {
  id: string;
  name: string;
  state: string;
  closes_at: string | null;
  empties_at: string | null;
  paused: boolean;
  remaining_seconds: number | null;
  rooms: { id: string; name: string; state: string; [field: string]: unknown }[];
  progress: {
    rooms: Record<string, number>;
    participants: Record<string, number>;
    recordings: Record<string, number>;
  };
  problems: { room_id: string | null; custom_participant_id: string | null; what: string; detail: string; at: string }[];
  [field: string]: unknown;
}

/** What the host's breakouts are made with: what `POST /v1/meetings/{id}/breakouts` takes besides their rooms. */
export interface HostOptions {
  name?: string;
  duration_seconds?: number | null;
  countdown_seconds?: number;
  warn_before_seconds?: number[];
  record?: boolean;
  recording?: { max_seconds?: number; file_name_prefix?: string };
  allow_switch?: boolean | "preset";
  allow_return?: boolean | "preset";
  late_join?: "least_filled" | "main";
  on_room_failure?: "redistribute" | "keep" | "abort";
  room_presets?: { host?: string; participant?: string };
  /** The class of that name of the page's `@cloudflare/realtimekit-ui`: shuffle then deals evenly, without hosts. */
  BreakoutRoomsManager?: unknown;
  [setting: string]: unknown;
}

/** The part of RealtimeKit's class that is used; `Client` is the type of what it makes. */
export interface ClientClass<Client> {
  init(options: any): Promise<Client>;
}

interface Common<Client> {
  /** The address of the orchestrator. */
  baseUrl: string;
  RealtimeKitClient: ClientClass<Client>;
  /** The client that is in main, or on its setup screen; null or left out: one is made. */
  meeting?: Client | null;
  /** Options for each `init()`; `authToken` and, after the first, what concerns media are set for it. */
  init?: { [option: string]: any };
  /** An `<rtk-meeting>` that is given each next client. */
  rtkMeeting?: { [property: string]: any } | null;
  /** With a host's token: RealtimeKit's own breakout UI makes and steers breakouts, with these settings. */
  host?: false | true | HostOptions;
}

export type ConnectOptions<Client = any> = Common<Client> &
  (
    | { clientToken: string; getClientToken?: () => string | Promise<string> }
    | { clientToken?: string; getClientToken: () => string | Promise<string> }
  );

/** What a session tells, and with what. */
export interface SessionEvents<Client = any> {
  changingMeeting: [realtimekitMeetingId: string];
  meetingChanged: [client: Client];
  seat: [seat: Seat];
  /** With the host's adapter: the breakout says something new. */
  breakout: [breakout: Breakout];
  warning: [{ remaining_seconds: number }];
  broadcast: [{ text: string }];
  closing: [{ countdown_seconds: number }];
  closed: [{ breakout_id: string }];
  /** The person has left; `resume()` goes on. */
  left: [{ state: string }];
  /** Something failed that will be tried again. */
  error: [{ code: string; message: string; cause: unknown }];
}

/** A row of the help queue. */
export interface Help {
  id: string;
  room_id: string;
  room_name: string;
  custom_participant_id: string;
  asked_at: string;
  resolved_at: string | null;
}

export interface Session<Client = any> {
  /** The client that is in the seat's meeting, or on its way there. */
  readonly meeting: Client;
  readonly seat: Seat;
  /** With the host's adapter: the breakout that runs, or the one that ran last. */
  readonly breakout: Breakout | null;
  on<Name extends keyof SessionEvents<Client>>(name: Name, fn: (...said: SessionEvents<Client>[Name]) => void): this;
  off<Name extends keyof SessionEvents<Client>>(name: Name, fn: (...said: SessionEvents<Client>[Name]) => void): this;
  /** Go to another room, or to main. Rejects with `{status, code, detail}`. */
  chooseRoom(roomId: string | null): Promise<Seat>;
  /** Ask the hosts for help. Rejects with `{status, code, detail}`. */
  askForHelp(): Promise<Help>;
  /** Follow the seat again after `left`. */
  resume(): this;
  /** Follow no more; the page stays in the meeting where it is. */
  close(): void;
}

/** Follow a person's seat; resolves when it is known, and when the page is in a meeting that this has made. */
export declare function connectBreakouts<Client = any>(options: ConnectOptions<Client>): Promise<Session<Client>>;
