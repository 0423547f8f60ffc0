// The sessions of the pages: each browser has a cookie with a random token, and the store has the
// session of the token, for all processes of a region.
//
// Sources: RFC 6265 (cookies); OWASP's cheat sheets on session management and cross-site request forgery.
//
// 1. Only a token's digest is stored, so no file can leak a session.
// 2. A session ends after SESSION_IDLE_MS without use, after SESSION_MS_MAX in any case, when its
//    account is removed, and when its password changes. A page's own refresh requests do not count
//    as use.
// 3. At most SESSIONS_MAX exist, shared fairly between users; the user with the most loses the one
//    unused for longest.
// 4. Every form carries the session's `csrf`, derived from its token: other sites can read neither.
// 5. Signed-in people stay signed in while the store cannot write, for instance because its disk is full.
// 6. A link of `rackboot page` is a session that no cookie can name (its digest is of another text)
//    and whose first use removes it.

import { createHmac } from 'node:crypto';
import type { Clock } from '../../../ground/clock.ts';
import { reachesStore } from '../../../ground/errors.ts';
import { equalSecrets } from '../../accounts/accounts.ts';
import { hashSha256 } from '../../records/digest.ts';
import type { SessionStore, StoredSession } from '../../records/session-store.ts';
import type { User } from '../../records/user.ts';

/**
 * Sessions at a time. Only people with an account can fill this bound. At the bound the user with
 * the most sessions loses the one unused for longest, so other users notice nothing. It empties as
 * people sign out and sessions expire.
 */
export const SESSIONS_MAX = 500;
export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_MS_MAX = 7 * 86_400_000;
/** How long a link signs in, in milliseconds. */
export const LINK_MS_MAX = 600_000;
/**
 * A use is stored only if the last stored one is older than this, in milliseconds, so most pages
 * cost no write.
 */
export const USE_STORED_MS = 60_000;
const TOKEN_BYTES = 24;

export interface Session {
  readonly digest: string;
  readonly user: User;
  readonly csrf: string;
  readonly notice: string;
}

/** The digest of a link's token: a cookie cannot contain the space. */
const hashLinkToken = (token: string) => hashSha256(`link ${token}`);

const deriveCsrfToken = (token: string) => createHmac('sha256', token).update('csrf').digest('base64url');

export class Sessions {
  readonly #store: SessionStore;
  readonly #clock: Clock;

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  open(user: User): Promise<string> {
    return this.#open(user, hashSha256);
  }

  /** Makes a link that signs a user in, once. @returns its token */
  openLink(user: User): Promise<string> {
    return this.#open(user, hashLinkToken);
  }

  async #open({ username, passwordHash }: User, digestFor: (token: string) => string) {
    const token = Buffer.from(this.#clock.randomBytes(TOKEN_BYTES)).toString('base64url');
    const nowMs = this.#clock.wallTimeMs();
    const [digest, passwordDigest] = [digestFor(token), hashSha256(passwordHash)];
    const session = { digest, passwordDigest, begunMs: nowMs, usedMs: nowMs, notice: '' };
    await this.#store.open(username, session, SESSIONS_MAX, nowMs - SESSION_IDLE_MS);
    return token;
  }

  /** The user whom a link signs in; `undefined` if it was used, is too old or never existed. */
  async findLink(token: string): Promise<User | undefined> {
    const stored = await this.#store.find(hashLinkToken(token));
    if (stored === undefined) return undefined;
    const { session, user } = stored;
    const isOld = Math.abs(this.#clock.wallTimeMs() - session.begunMs) > LINK_MS_MAX;
    return isOld || !isOfPassword(session, user) ? undefined : user;
  }

  async takeLink(token: string): Promise<User | undefined> {
    const user = await this.findLink(token);
    return (await this.#store.close(hashLinkToken(token))) ? user : undefined;
  }

  /**
   * The session of a token; `undefined` if it is unknown or has ended.
   * @param isUse false for a page's own refresh request, which does not prolong the session
   */
  async find(token: string, isUse = true): Promise<Session | undefined> {
    const digest = hashSha256(token);
    const stored = await this.#store.find(digest);
    if (stored === undefined) return undefined;
    const { session, user } = stored;
    const nowMs = this.#clock.wallTimeMs();
    if (isOver(session, nowMs) || !isOfPassword(session, user)) {
      await reachesStore(() => this.#store.close(digest));
      return undefined;
    }
    if (isUse && Math.abs(nowMs - session.usedMs) > USE_STORED_MS) {
      await reachesStore(() => this.#store.note(digest, { usedMs: nowMs }));
    }
    return { digest, user, csrf: deriveCsrfToken(token), notice: session.notice };
  }

  async close({ digest }: Session): Promise<void> {
    await this.#store.close(digest);
  }

  async setNotice({ digest }: Session, notice: string): Promise<void> {
    await reachesStore(() => this.#store.note(digest, { notice }));
  }
}

/**
 * True if a session has ended. A last use in the future shows that the wall clock was set back; the
 * same limit applies to it.
 */
const isOver = ({ begunMs, usedMs }: StoredSession, nowMs: number) =>
  Math.abs(nowMs - usedMs) > SESSION_IDLE_MS || nowMs - begunMs > SESSION_MS_MAX;

/** True if the password is the one with which the session began. */
const isOfPassword = ({ passwordDigest }: StoredSession, { passwordHash }: User) =>
  equalSecrets(hashSha256(passwordHash), passwordDigest);

export function findCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';', COOKIES_MAX)) {
    const [own = '', value] = part.split('=', 2);
    if (own.trim() === name && value !== undefined && /^[\w-]{1,128}$/.test(value.trim())) return value.trim();
  }
  return undefined;
}

/** Cookies examined in one request; a session cookie after them is ignored. */
const COOKIES_MAX = 50;
