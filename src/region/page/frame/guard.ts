// Checks the passwords of the page's users.
//
// Sources: RFC 7617 (Basic).
//
// 1. Every password check counts towards the limits of its address and network, whether by form or
//    by header (`passwords.ts`).
// 2. A correct password is remembered for REMEMBERED_MS as a keyed digest, for the address that
//    sent it. So a page that refreshes itself costs no check, and a guesser behind the same address
//    cannot lock its user out.
// 3. A password forwarded by a remote rack is never checked.
// 4. The event of a wrong password leaves out the name of an account that does not exist: people
//    type their passwords there.

import { createHmac } from 'node:crypto';
import { BoundedMap } from '../../../ground/bounded-map.ts';
import { type Instant, later } from '../../../ground/clock.ts';
import { RateLimit } from '../../../ground/rate-limit.ts';
import type { PasswordExcess } from '../../accounts/password-limits.ts';
import { type Refusal, refuse } from '../../api/call/answer.ts';
import type { Peer } from '../../api/call/caller.ts';
import type { User } from '../../records/user.ts';
import type { Region } from '../../region.ts';
import { BUSY } from './view.ts';

/**
 * Remembered passwords. Only correct passwords fill it; the one confirmed longest ago is evicted,
 * and checked in full next time.
 */
export const REMEMBERED_MAX = 256;
const REMEMBERED_MS = 300_000;
/** Wrong guesses at one remembered password. Beyond them even the correct one is checked in full. */
export const REMEMBERED_RATE = { perSecond: 2, burst: 60 } as const;
/** The hash checked for unknown users, so the duration does not reveal that they are unknown. */
const NOBODY = `scrypt$32768$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * The user of a correct password, or a refusal: `address` and `network` name the limit exceeded;
 * `by-rack`: a remote rack forwarded it.
 */
type PasswordVerdict = User | 'wrong' | 'busy' | 'by-rack' | PasswordExcess;

const RETRY_FIELD = { 'Retry-After': '5' };
const LIMITED = {
  busy: BUSY,
  address: refuse('rate-limit', 'Too many wrong passwords from your address: wait a little.', RETRY_FIELD),
  network: refuse('rate-limit-network', 'Too many wrong passwords from your network: wait a little.', RETRY_FIELD),
} as const;

export const uncheckedRefusal = (
  why: Exclude<PasswordVerdict, User | 'wrong'>,
  region: Pick<Region, 'config'>,
): Refusal => (why === 'by-rack' ? byRack(region) : LIMITED[why]);

export const byRack = (region: Pick<Region, 'config'>): Refusal =>
  refuse(
    'sign-in-by-rack',
    `You cannot sign in through a rack: open the region's own address (${region.config().publicUrl ?? "its host and port are in region.url of the rack's configuration"}).`,
  );

interface RememberedPassword {
  readonly digest: string;
  readonly until: Instant;
  /** Limits comparisons: without it, a guesser behind the same address could guess as fast as it likes. */
  readonly rate: RateLimit;
}

type GuardedRegion = Pick<Region, 'store' | 'clock' | 'passwords'>;

/** Checks the password of a user in full. @param user the user; undefined: there is none of this name */
export async function checkPassword(
  region: GuardedRegion,
  peer: Peer,
  password: string,
  user: User | undefined,
): Promise<PasswordVerdict> {
  // The rack chooses the address it names, so limits by address would not hold; and the rack could
  // read the password.
  if (peer.isByRack) return 'by-rack';
  const permit = await region.passwords.take(peer.share);
  if (typeof permit === 'string') return permit;
  const isRight = await region.passwords.check(peer.share, permit, password, user?.passwordHash ?? NOBODY);
  if (isRight === 'busy') return 'busy';
  if (!isRight || user === undefined) {
    await noteWrong(region, peer, user);
    return 'wrong';
  }
  await permit.giveBack();
  return user;
}

async function noteWrong(region: GuardedRegion, { share, address: from }: Peer, user: User | undefined) {
  const { store, clock, passwords } = region;
  const count = passwords.countWrong(share);
  if (count === undefined) return;
  const params = { user: user?.username ?? '', from, count };
  const event = { type: 'AUTHORISATION', code: 'password-wrong', params, atMs: clock.wallTimeMs() } as const;
  await store.recordEvent({ ...event, username: '' }, undefined);
}

export class PageGuard {
  readonly #region: GuardedRegion;
  readonly #key: Uint8Array;
  readonly #remembered = new BoundedMap<string, RememberedPassword>(REMEMBERED_MAX, 'set longest ago');

  constructor(region: GuardedRegion) {
    this.#region = region;
    this.#key = region.clock.randomBytes(32);
  }

  async check(peer: Peer, username: string, password: string): Promise<PasswordVerdict> {
    const user = await this.#region.store.accounts.findUser(username);
    const place = JSON.stringify([peer.share, username]);
    // The stored hash is part of the digest, so a changed password is not accepted from memory.
    const facts = JSON.stringify([place, password, user?.passwordHash ?? '']);
    const digest = createHmac('sha256', this.#key).update(facts).digest('hex');
    if (!peer.isByRack && user !== undefined && this.#isRemembered(place, digest)) return user;
    const verdict = await checkPassword(this.#region, peer, password, user);
    if (typeof verdict !== 'string') this.#remember(place, digest);
    return verdict;
  }

  async note({ address: from }: Peer, { username }: User, code: 'signed-in' | 'signed-out'): Promise<void> {
    const { store, clock } = this.#region;
    const event = { type: 'AUTHORISATION', code, params: { from }, atMs: clock.wallTimeMs(), username } as const;
    await store.recordEvent(event, undefined);
  }

  #isRemembered(place: string, digest: string) {
    const remembered = this.#remembered.get(place);
    const now = this.#region.clock.now();
    if (
      remembered === undefined ||
      now >= remembered.until ||
      !remembered.rate.allows(now) ||
      remembered.digest !== digest
    )
      return false;
    remembered.rate.giveBack();
    return true;
  }

  #remember(place: string, digest: string) {
    const now = this.#region.clock.now();
    const rate = this.#remembered.get(place)?.rate ?? new RateLimit(REMEMBERED_RATE);
    this.#remembered.set(place, { digest, until: later(now, REMEMBERED_MS), rate });
  }
}
