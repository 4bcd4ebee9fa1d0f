import type { Session } from "./breakouts.js";

/** A text in the forms that a language has for numbers; `{count}` decides. */
export type Forms = string | { one?: string; two?: string; few?: string; many?: string; other: string };

/** All texts of the element. */
export interface StatusTexts {
  /** The name of the timer, for those who hear it. */
  label: string;
  opening: string;
  /** `{time}` is like 4:05. */
  open: string;
  untimed: string;
  /** With `{time}`: what is left. */
  paused: string;
  /** Paused, where what is left is not known. */
  stopped: string;
  /** With `{time}`: until the rooms are empty. */
  closing: string;
  closed: string;
  failed: string;
  /** With `{joined}` and `{total}`. */
  people: string;
  /** With `{count}` rooms. */
  recording: Forms;
  /** With `{count}`. */
  problems: Forms;
  /** With `{room}` and `{detail}`. */
  problem: string;
  /** What is said aloud when it happens; `{time}` is in words. */
  said: { warning: string; closing: string; problem: string };
}

/** The English texts. */
export declare const TEXTS: StatusTexts;

/** `<breakouts-status>`: the time left, and for a host how many are in their rooms, and the problems. */
export declare class BreakoutsStatus extends HTMLElement {
  /** What `connectBreakouts` gave. */
  get session(): Session | null;
  set session(session: Session | null);
  /** The texts that are not to be English. */
  get texts(): StatusTexts;
  set texts(texts: Partial<Omit<StatusTexts, "said">> & { said?: Partial<StatusTexts["said"]> });
}

declare global {
  interface HTMLElementTagNameMap {
    "breakouts-status": BreakoutsStatus;
  }
}
