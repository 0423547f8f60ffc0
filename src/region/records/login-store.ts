// The port to the store of debug logins (`store/operations/region-logins.ts`).
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A machine has at most one debug login, which is removed with it.

import type { NewMachineEvent } from './machine-event.ts';

/** One person may log in to the environment of a machine at work. */
export interface DebugLogin {
  /** The user whose keys are accepted. */
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly openedMs: number;
  readonly expiresMs: number;
  /**
   * SHA-256, in hexadecimal, of the token of the boot that was informed of this login. With it, a
   * failed machine asks whether the login is still open.
   */
  readonly tokenDigest?: string | undefined;
  /** As the machine reported it, `SHA256:…`; empty: not yet. */
  readonly hostKey: string;
}

export interface LoginStore {
  /** Replaces an existing one. @returns false if there is no such machine */
  openDebug(systemId: string, login: DebugLogin, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if none was open */
  closeDebug(systemId: string, event: NewMachineEvent): Promise<boolean>;
  /** Even if it has expired; undefined: none. */
  findDebug(systemId: string): Promise<DebugLogin | undefined>;
  /** Does nothing without a debug login. */
  noteDebug(systemId: string, note: Partial<Pick<DebugLogin, 'tokenDigest' | 'hostKey'>>): Promise<void>;
}
