// Who people say they are: the check of a password, and the names by which this host calls itself.
//
// Sources: RFC 7617 (Basic). A page of a foreign site whose name was made to point at 127.0.0.1 still sends its own name in `Host`.
//
// 1. A password is checked within the limits of its address and network, whichever way it came (`passwords.ts`).
// 2. A password that was right is remembered for REMEMBERED_MS as a keyed digest, for the address that gave it, so that a page that
//    refreshes itself costs nothing, and a guesser behind the same address does not lock it out.
// 3. No password is looked at that a rack elsewhere passed on: people sign in at the region's own address.

import { createHmac } from 'node:crypto';
import { BoundedMap } from '../../bounded-map.ts';
import { type Instant, later } from '../../clock.ts';
import { RateLimit } from '../../rate-limit.ts';
import type { PasswordExcess } from '../accounts/password-limits.ts';
import type { Peer } from '../api/caller.ts';
import type { User } from '../records/store.ts';
import type { Region } from '../region.ts';

/**
 * Passwords that are remembered. Only who has a right one fills it; the one that was right longest ago goes, and is looked at again.
 */
export const REMEMBERED_MAX = 256;
const REMEMBERED_MS = 300_000;
/** How often a remembered password may be given wrong. */
export const REMEMBERED_RATE = { perSecond: 2, burst: 60 } as const;
/** Hashed for users that do not exist, so that the time does not tell. */
const NOBODY = `scrypt$32768$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** True when `Host` names this host itself, or is absent. */
export function isLocalName(host: string | undefined): boolean {
  return host === undefined || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host);
}

/**
 * What came of a password: who has it, or why nobody was let in; `address` and `network` are those whose limit it was beyond; `by-rack`: a
 * rack elsewhere passed it on.
 */
export type PasswordVerdict = User | 'wrong' | 'busy' | 'by-rack' | PasswordExcess;

/** A password that was right. */
interface Remembered {
  readonly digest: string;
  readonly until: Instant;
  /** How often it may be compared: a guesser behind the same address would otherwise find it out. */
  readonly rate: RateLimit;
}

/** Checks the passwords of people who look at the page. */
export class PageGuard {
  readonly #region: Pick<Region, 'store' | 'clock' | 'passwords'>;
  readonly #key: Uint8Array;
  /** By address and user. */
  readonly #remembered = new BoundedMap<string, Remembered>(REMEMBERED_MAX, 'set longest ago');

  constructor(region: Pick<Region, 'store' | 'clock' | 'passwords'>) {
    this.#region = region;
    this.#key = region.clock.randomBytes(32);
  }

  /** Checks a password that somebody gives; who has the right one is a user of the store. */
  async check(peer: Peer, username: string, password: string): Promise<PasswordVerdict> {
    // The rack names the address, so a limit of addresses would bound nothing; and a rack reads what it passes on.
    if (peer.isByRack) return 'by-rack';
    const { share } = peer;
    const { store, passwords } = this.#region;
    const user = store.findUser(username);
    const place = JSON.stringify([share, username]);
    // The stored hash is part of what is remembered: a changed password is not remembered.
    const facts = JSON.stringify([place, password, user?.passwordHash ?? '']);
    const digest = createHmac('sha256', this.#key).update(facts).digest('hex');
    if (user !== undefined && this.#isRemembered(place, digest)) return user;
    const permit = passwords.take(share);
    if (typeof permit === 'string') return permit;
    const isRight = await passwords.check(share, permit, password, user?.passwordHash ?? NOBODY);
    if (isRight === 'busy') return 'busy';
    if (!isRight || user === undefined) return 'wrong';
    permit.giveBack();
    this.#remember(place, digest);
    return user;
  }

  #isRemembered(place: string, digest: string): boolean {
    const known = this.#remembered.get(place);
    const now = this.#region.clock.now();
    if (known === undefined || now >= known.until || !known.rate.allows(now) || known.digest !== digest) return false;
    known.rate.giveBack();
    return true;
  }

  #remember(place: string, digest: string): void {
    const now = this.#region.clock.now();
    const rate = this.#remembered.get(place)?.rate ?? new RateLimit(REMEMBERED_RATE);
    this.#remembered.set(place, { digest, until: later(now, REMEMBERED_MS), rate });
  }
}
