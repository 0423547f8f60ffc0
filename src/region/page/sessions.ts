// The sessions of the page: each browser has a random token in a cookie, and the region keeps the token's session in memory.
//
// Sources: RFC 6265 (cookies); OWASP's cheat sheets on session management and cross-site request forgery.
//
// 1. Only a token's digest is kept, and only in memory: a restart signs all users out, and no file can leak a session.
// 2. A session ends after SESSION_IDLE_MS without use, after SESSION_MS_MAX in any case, when its account is removed, and when its password
//    changes. A page's own refresh requests are not use: an open tab alone keeps no user signed in.
// 3. At most SESSIONS_MAX exist, shared fairly between users; the user with the most loses the one unused for longest.
// 4. Every form carries the session's `csrf`, which other sites cannot read.

import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { FairShares, type Place } from '../../net/fair-shares.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import type { RegionStore, User } from '../records/store.ts';

/**
 * Sessions at a time. Only people with an account fill it. At the bound the user with the most sessions loses the one unused for longest,
 * so other users notice nothing. It empties as people sign out and sessions expire.
 */
export const SESSIONS_MAX = 500;
export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_MS_MAX = 7 * 86_400_000;
const TOKEN_BYTES = 24;

/** The session of a signed-in browser. */
export interface Session {
  readonly user: User;
  /** The secret in its forms. */
  readonly csrf: string;
}

interface StoredSession {
  readonly username: string;
  /** The hash at sign-in: a changed password ends the session. */
  readonly passwordHash: string;
  readonly csrf: string;
  readonly begunAt: number;
  usedAt: number;
  readonly place: Place<string>;
  /** Shown once, on the next page it opens. */
  notice: string;
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The sessions of one region. */
export class Sessions {
  readonly #store: Pick<RegionStore, 'findUser'>;
  readonly #clock: Clock;
  /** By the digest of the token, the most recently used last. */
  readonly #kept = new Map<string, StoredSession>();
  /** Fair shares by user; each place is held by a digest. Losing a session interrupts no request, so any may be evicted. */
  readonly #places = new FairShares<string>({ max: SESSIONS_MAX, networkOf: (username) => username });

  constructor(store: Pick<RegionStore, 'findUser'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Begins a session. @returns its token, for the cookie */
  open(user: User): string {
    const token = this.#draw();
    const now = this.#clock.now();
    const { username, passwordHash } = user;
    const digest = digestOf(token);
    this.#kept.set(digest, {
      place: this.#takePlace(username, digest),
      username,
      passwordHash,
      csrf: this.#draw(),
      begunAt: now,
      usedAt: now,
      notice: '',
    });
    return token;
  }

  #takePlace(username: string, digest: string): Place<string> {
    for (;;) {
      const admission = this.#places.admit(username, digest);
      if (admission.kind === 'admitted') {
        if (admission.evicted !== undefined) this.#kept.delete(admission.evicted);
        this.#places.touch(admission.place, true);
        return admission.place;
      }
      // This user's share is among the largest, so the user's own oldest session goes. A user without one replaces the oldest of all.
      const kept = [...this.#kept];
      const oldest = kept.find(([, own]) => own.username === username) ?? kept[0];
      if (oldest === undefined) throw new Error('no place is free although there is no session');
      this.#forget(...oldest);
    }
  }

  #forget(digest: string, { place }: StoredSession): void {
    this.#places.release(place);
    this.#kept.delete(digest);
  }

  /**
   * The session of a token; `undefined` if it is unknown or has ended.
   * @param isUse false for a page's own refresh request, which does not prolong the session
   */
  async find(token: string, isUse = true): Promise<Session | undefined> {
    const digest = digestOf(token);
    const kept = this.#kept.get(digest);
    if (kept === undefined) return undefined;
    const now = this.#clock.now();
    const user = await this.#store.findUser(kept.username);
    // Signed out, or evicted, meanwhile.
    if (this.#kept.get(digest) !== kept) return undefined;
    const isOver = now - kept.usedAt > SESSION_IDLE_MS || now - kept.begunAt > SESSION_MS_MAX;
    if (isOver || user === undefined || !equalSecrets(user.passwordHash, kept.passwordHash)) {
      this.#forget(digest, kept);
      return undefined;
    }
    if (isUse) {
      kept.usedAt = now;
      this.#places.touch(kept.place, true);
      this.#kept.delete(digest);
      this.#kept.set(digest, kept);
    }
    return { user, csrf: kept.csrf };
  }

  close(token: string): void {
    const digest = digestOf(token);
    const kept = this.#kept.get(digest);
    if (kept !== undefined) this.#forget(digest, kept);
  }

  /** Sets the notice for the next page that the browser opens. */
  setNotice(token: string, text: string): void {
    const kept = this.#kept.get(digestOf(token));
    if (kept !== undefined) kept.notice = text;
  }

  /** Returns the notice and clears it; empty: none. */
  takeNotice(token: string): string {
    const kept = this.#kept.get(digestOf(token));
    if (kept === undefined) return '';
    const { notice } = kept;
    kept.notice = '';
    return notice;
  }

  #draw(): string {
    return Buffer.from(this.#clock.randomBytes(TOKEN_BYTES)).toString('base64url');
  }
}

/** The value of a cookie in a `Cookie` header; `undefined` if it is absent or not a token. */
export function findCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';', COOKIES_MAX)) {
    const [own = '', value] = part.split('=', 2);
    if (own.trim() === name && value !== undefined && /^[\w-]{16,64}$/.test(value.trim())) return value.trim();
  }
  return undefined;
}

/** Cookies examined in one request; a session cookie after them is ignored. */
const COOKIES_MAX = 50;
