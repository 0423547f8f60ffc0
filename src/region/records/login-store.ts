// Debug logins in the store: the port. `store/region-logins.ts` implements it.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A machine has one at most; it goes with the machine.

import type { NewMachineEvent } from './machine-event.ts';

/** Leave for one person to log in to the environment of a machine at work. */
export interface DebugLogin {
  /** Whose keys log in. */
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly openedMs: number;
  readonly expiresMs: number;
  /** SHA-256 of the token of the boot that knows of it, in hexadecimal: by it a machine that has failed asks whether it is open still. */
  readonly tokenDigest?: string | undefined;
  /** Fingerprint of the machine's host key, as it told it: `SHA256:…`; empty: it has not. */
  readonly hostKey: string;
}

export interface LoginStore {
  /** Opens one in the place of any that there is. False: there is no such machine. */
  openDebug(systemId: string, login: DebugLogin, event: NewMachineEvent): boolean;
  /** False: there was none. */
  closeDebug(systemId: string, event: NewMachineEvent): boolean;
  /** Also one whose time is up; undefined: none. */
  findDebug(systemId: string): DebugLogin | undefined;
  /** Remembers which boot knows of it, or what its host key is; nothing when there is none. */
  noteDebug(systemId: string, note: Partial<Pick<DebugLogin, 'tokenDigest' | 'hostKey'>>): void;
}
