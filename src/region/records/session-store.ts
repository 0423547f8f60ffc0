// The port to the store of the page's sessions (`store/operations/region-sessions.ts`).
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A session is removed with its account.

import type { User } from './user.ts';

export interface StoredSession {
  /** SHA-256, in hexadecimal, of the browser's token. */
  readonly digest: string;
  /** SHA-256, in hexadecimal, of the password hash at sign-in: a changed password ends the session. */
  readonly passwordDigest: string;
  /** Wall time in milliseconds. */
  readonly begunMs: number;
  readonly usedMs: number;
  /** Shown once, on the next page that it opens. */
  readonly notice: string;
}

export interface SessionStore {
  /**
   * Does nothing if there is no such account. At `max` sessions, the account with the most loses
   * the one that was unused for longest; if this account ties for the most, it does. @param overMs
   * sessions last used before this wall time are removed
   */
  open(username: string, session: StoredSession, max: number, overMs: number): Promise<void>;
  /** Finds a session, with its account as it is now. */
  find(digest: string): Promise<{ readonly session: StoredSession; readonly user: User } | undefined>;
  /** Does nothing if there is no such session. */
  note(digest: string, note: Partial<Pick<StoredSession, 'usedMs' | 'notice'>>): Promise<void>;
  /** @returns false if there was no such session any more */
  close(digest: string): Promise<boolean>;
}
