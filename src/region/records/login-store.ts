// The port to the store of debug logins. `store/operations/region-logins.ts` has its operations.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A machine has at most one debug login, which is removed with it.

import type { NewMachineEvent } from './machine-event.ts';

/** Permission for one person to log in to the environment of a machine at work. */
export interface DebugLogin {
  /** The user whose keys are accepted. */
  readonly username: string;
  /** Wall time in milliseconds. */
  readonly openedMs: number;
  readonly expiresMs: number;
  /**
   * SHA-256, in hexadecimal, of the boot token of the boot that was informed of this login. A failed machine sends that token to ask
   * whether the login is still open.
   */
  readonly tokenDigest?: string | undefined;
  /** The fingerprint of the host key that the machine reported, `SHA256:…`; empty: none yet. */
  readonly hostKey: string;
}

export interface LoginStore {
  /** Opens a debug login, replacing an existing one. @returns false if there is no such machine */
  openDebug(systemId: string, login: DebugLogin, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if none was open */
  closeDebug(systemId: string, event: NewMachineEvent): Promise<boolean>;
  /** The machine's debug login, even if expired; undefined: none. */
  findDebug(systemId: string): Promise<DebugLogin | undefined>;
  /** Stores the token of the boot that was informed of the debug login, or the machine's host key; does nothing without a debug login. */
  noteDebug(systemId: string, note: Partial<Pick<DebugLogin, 'tokenDigest' | 'hostKey'>>): Promise<void>;
}
