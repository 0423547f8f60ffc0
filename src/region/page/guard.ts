// Who people say they are: the check of a password, and the names by which this host calls itself.
//
// Sources: RFC 7617 (Basic). A page of a foreign site whose name was made to point at 127.0.0.1 still sends its own name in `Host`.
//
// 1. Passwords are checked at most CHECKS_MAX at a time, after the rate limit: a check costs 100 ms of a core.
// 2. A password that was right is remembered for REMEMBERED_MS as a keyed digest, so that a page that refreshes itself costs nothing.

import { createHmac } from 'node:crypto';
import { type Clock, type Instant, later } from '../../clock.ts';
import { verifyPassword } from '../accounts.ts';
import type { RegionStore, User } from '../store.ts';

const CHECKS_MAX = 2;
const REMEMBERED_MAX = 256;
const REMEMBERED_MS = 300_000;
/** Hashed for users that do not exist, so that the time does not tell. */
const NOBODY = `scrypt$32768$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** True when `Host` names this host itself, or is absent. */
export function isLocalName(host: string | undefined): boolean {
  return host === undefined || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host);
}

/** Checks the passwords of people who look at the page. */
export class PageGuard {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #remembered = new Map<string, Instant>();
  #checks = 0;

  constructor(store: RegionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#key = clock.randomBytes(32);
  }

  /** Checks a password; who has the right one is a user of the store. */
  async check(username: string, password: string): Promise<User | 'wrong' | 'busy'> {
    const user = this.#store.findUser(username);
    // The stored hash is part of what is remembered: a changed password is not remembered.
    const facts = JSON.stringify([username, password, user?.passwordHash ?? '']);
    const digest = createHmac('sha256', this.#key).update(facts).digest('hex');
    const until = this.#remembered.get(digest);
    if (user !== undefined && until !== undefined && this.#clock.now() < until) return user;
    if (this.#checks >= CHECKS_MAX) return 'busy';
    this.#checks += 1;
    try {
      const isRight = await verifyPassword(password, user?.passwordHash ?? NOBODY);
      if (!isRight || user === undefined) return 'wrong';
      this.#remember(digest);
      return user;
    } finally {
      this.#checks -= 1;
    }
  }

  #remember(digest: string): void {
    this.#remembered.delete(digest);
    const oldest = this.#remembered.size >= REMEMBERED_MAX ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(digest, later(this.#clock.now(), REMEMBERED_MS));
  }
}
