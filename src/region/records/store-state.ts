// The state of the region's store: whether it answers, whether it confirms changes, and whether it can be used.

import type { Outage } from './store-outage.ts';

/** Whether the server of the store answers. While it does not, every use of the store fails soon. */
export interface StoreAvailability {
  /** Why it does not answer, and what to do; undefined: it does. */
  readonly problem: Outage | undefined;
  /** Calls `onChange` when it goes away, with the problem, and when it is back; call it once. */
  watch(onChange: (problem: Outage | undefined) => void): void;
}

/** Whether the store confirms that it has stored a change. */
export interface StoreConfirmation {
  /** Why no change is confirmed at the moment, and what to do; undefined: nothing is known against it. Reads continue. */
  readonly problem: Outage | undefined;
  /** Calls `onChange` when that begins, with the problem, and when it ends; call it once. */
  watch(onChange: (problem: Outage | undefined) => void): void;
}

/** The times at which the store cannot be used. Callers wait and try again, so that a person may hear of them only here. */
export interface StoreTroubles {
  /** Calls `report` with the outage; the same one is not repeated for a minute. Call it once. */
  watch(report: (outage: Outage) => void): void;
}

/** The other processes of a store. */
export interface StoreNeighbours {
  /** Announces a change to them. The notice may be lost, so they also look regularly. */
  tell(): void;
  /** Calls `onChange` when another process announces a change; call it once. */
  listen(onChange: () => void): void;
}
