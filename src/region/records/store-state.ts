// Whether the region's store answers and confirms changes.

import type { Outage } from '../reports/notes.ts';

/**
 * The state of the store. While the server does not answer, every use of the store fails quickly.
 */
export interface StoreAvailability {
  /** Why it does not, and what to do; undefined: no problem is known. */
  readonly problem: Outage | undefined;
  /** Calls `onChange` with the problem when it begins, and with undefined when it ends. Call `watch` once. */
  watch(onChange: (problem: Outage | undefined) => void): void;
  /**
   * Calls `onEnd` when connections or changes are accepted after some were refused, with for how
   * many milliseconds. Call it once.
   */
  watchRefusals(onEnd: (refusedMs: number) => void): void;
}

export interface RefusedChange {
  readonly outage: Outage;
  /** Of the first since one was stored, wall time in milliseconds. */
  readonly sinceMs: number;
}

/** Whether the store confirms that it has stored a change. While it does not, reads continue. */
export interface StoreConfirmation extends StoreAvailability {
  /** The last refused change; undefined: a change was stored since, or none was refused. */
  readonly refused: RefusedChange | undefined;
}

/** Callers wait and try again, so this may be the only report that reaches a person. */
export interface StoreTroubles {
  /** Calls `report` with each outage, but with the same one at most once a minute. Call `watch` once. */
  watch(report: (outage: Outage) => void): void;
}

export interface StoreNeighbours {
  /** The notice of a change may be lost, so each process also checks for changes regularly. */
  announce(): void;
  /** Call `listen` once. */
  listen(onChange: () => void): void;
  /** Sends a text to all processes. It may be lost; a text of more than 7999 octets is. */
  say(text: string): void;
  /**
   * Texts of any process, even of this one. Anybody with an account of the database may send one.
   * Call `hear` once.
   */
  hear(onSaid: (text: string) => void): void;
}
