// The state of the region's store: whether it answers, whether it confirms changes, and whether it can be used.

import type { Outage } from '../reports/notes.ts';

/** Whether the server of the store answers. While it does not, every use of the store fails quickly. */
export interface StoreAvailability {
  /** Why it does not answer, and what to do; undefined: it does. */
  readonly problem: Outage | undefined;
  /** Calls `onChange` with the problem when the server stops answering, and with undefined when it answers again. Call `watch` once. */
  watch(onChange: (problem: Outage | undefined) => void): void;
  /** Calls `onEnd` when the server admits a connection after it refused some, with how long it did so, in milliseconds. Call `watchRefusals` once. */
  watchRefusals(onEnd: (refusedMs: number) => void): void;
}

/** A change that the store refused, because its disk is full. */
export interface RefusedChange {
  readonly outage: Outage;
  /** When the first was refused since one was stored, wall time in milliseconds. */
  readonly sinceMs: number;
}

/** Whether the store confirms that it has stored a change. */
export interface StoreConfirmation {
  /** The last refused change; undefined: a change was stored since, or none was refused. */
  readonly refused: RefusedChange | undefined;
  /** Why no change is confirmed at the moment, and what to do; undefined: no problem is known. Reads continue. */
  readonly problem: Outage | undefined;
  /** Calls `onChange` with the problem when it begins, and with undefined when it ends. Call `watch` once. */
  watch(onChange: (problem: Outage | undefined) => void): void;
  /** Calls `onEnd` when a change is stored after some were refused, with how long they were, in milliseconds. Call `watchRefusals` once. */
  watchRefusals(onEnd: (refusedMs: number) => void): void;
}

/** The outages of the store. Callers wait and try again, so this may be the only report that reaches a person. */
export interface StoreTroubles {
  /** Calls `report` with each outage, but with the same one at most once a minute. Call `watch` once. */
  watch(report: (outage: Outage) => void): void;
}

/** The other processes of a store. */
export interface StoreNeighbours {
  /** Announces a change to them. The notice may be lost, so each process also checks for changes regularly. */
  announce(): void;
  /** Calls `onChange` when another process announces a change. Call `listen` once. */
  listen(onChange: () => void): void;
  /** Sends them a text, which may be lost; one of more than 7999 octets is. */
  say(text: string): void;
  /** Calls `onSaid` with the text of any process, even of this one. Anybody with an account of the database may send one. Call `hear` once. */
  hear(onSaid: (text: string) => void): void;
}
