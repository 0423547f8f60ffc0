// Who is signed in on the page: each browser has a random token in a cookie, and the region remembers what it stands for.
//
// Sources: RFC 6265 (cookies); OWASP's advice on sessions and on forged requests.
//
// 1. Of a token only its digest is kept, in memory: a restart signs everybody out, and no file can give a session away.
// 2. A session ends after SESSION_IDLE_MS without use, after SESSION_MS_MAX in any case, and when its account or its password is changed.
//    What a page fetches by itself is no use: a tab that somebody left open keeps nobody signed in.
// 3. At most SESSIONS_MAX at a time, shared out by user; the one unused for longest of the user with most of them makes room.
// 4. Every form carries the session's own `csrf`, which no other site can read.

import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { FairShares, type Place } from '../../fair-shares.ts';
import { equalSecrets } from '../accounts/accounts.ts';
import type { RegionStore, User } from '../records/store.ts';

/**
 * Sessions at a time. Whoever has an account fills it; at the bound the user with most of them is signed out where that was longest
 * ago, so the others notice nothing. It empties as people sign out and as sessions end.
 */
export const SESSIONS_MAX = 500;
export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_MS_MAX = 7 * 86_400_000;
const TOKEN_BYTES = 24;

/** What a browser that is signed in stands for. */
export interface Session {
  readonly user: User;
  /** What its forms carry. */
  readonly csrf: string;
}

interface Kept {
  readonly username: string;
  /** That of the sign-in: another password ends the session. */
  readonly passwordHash: string;
  readonly csrf: string;
  readonly begunAt: number;
  usedAt: number;
  readonly place: Place<string>;
  /** Told on the next page that it looks at. */
  told: string;
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The sessions of one region. */
export class Sessions {
  readonly #store: Pick<RegionStore, 'findUser'>;
  readonly #clock: Clock;
  /** By the digest of their token, the one used last at the end. */
  readonly #kept = new Map<string, Kept>();
  /** By user; held by digests. Nobody waits for a session, so each may be taken away. */
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
      told: '',
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
      // The share of this user is one of the largest: the user's own goes. Where it has none, all have one: whoever was away for longest.
      const kept = [...this.#kept];
      const oldest = kept.find(([, own]) => own.username === username) ?? kept[0];
      if (oldest === undefined) throw new Error('all sessions are taken, and there is none');
      this.#forget(...oldest);
    }
  }

  #forget(digest: string, { place }: Kept): void {
    this.#places.release(place);
    this.#kept.delete(digest);
  }

  /**
   * The session of a token; undefined: it is none, or has ended.
   * @param isUse false: the page asks by itself, and nobody may sit before it
   */
  find(token: string, isUse = true): Session | undefined {
    const digest = digestOf(token);
    const kept = this.#kept.get(digest);
    if (kept === undefined) return undefined;
    const now = this.#clock.now();
    const user = this.#store.findUser(kept.username);
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

  /** Keeps a sentence for the next page that is looked at. */
  tell(token: string, text: string): void {
    const kept = this.#kept.get(digestOf(token));
    if (kept !== undefined) kept.told = text;
  }

  /** That sentence, once; empty: there is none. */
  takeTold(token: string): string {
    const kept = this.#kept.get(digestOf(token));
    if (kept === undefined) return '';
    const { told } = kept;
    kept.told = '';
    return told;
  }

  #draw(): string {
    return Buffer.from(this.#clock.randomBytes(TOKEN_BYTES)).toString('base64url');
  }
}

/** The value of a cookie in a `Cookie` header; undefined: it is not in it. */
export function findCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';', COOKIES_MAX)) {
    const [own = '', value] = part.split('=', 2);
    if (own.trim() === name && value !== undefined && /^[\w-]{16,64}$/.test(value.trim())) return value.trim();
  }
  return undefined;
}

/** Cookies of one request that are looked at; beyond it a browser counts as signed out. */
const COOKIES_MAX = 50;
