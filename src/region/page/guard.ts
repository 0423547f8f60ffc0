// Checks the passwords of the page's users, and recognises the local names of this host.
//
// Sources: RFC 7617 (Basic). DNS rebinding: a foreign site whose name resolves to 127.0.0.1 still sends its own name in `Host`.
//
// 1. Every password check counts towards the limits of its address and network, whether by form or by header (`passwords.ts`).
// 2. A correct password is remembered for REMEMBERED_MS as a keyed digest, for the address that sent it. So a page that refreshes itself
//    costs no check, and a guesser behind the same address cannot lock its user out.
// 3. A password forwarded by a remote rack is never checked: people sign in at the region's own address.
// 4. The event of a wrong password leaves out the name of an account that does not exist: people type their passwords there.

import { createHmac } from 'node:crypto';
import { BoundedMap } from '../../bounded-map.ts';
import { type Instant, later } from '../../clock.ts';
import { RateLimit } from '../../rate-limit.ts';
import type { PasswordExcess } from '../accounts/password-limits.ts';
import { type Refusal, refuse } from '../api/call/answer.ts';
import type { Peer } from '../api/call/caller.ts';
import type { User } from '../records/user.ts';
import type { Region } from '../region.ts';
import { BUSY } from './view.ts';

/** Remembered passwords. Only correct passwords fill it; the one confirmed longest ago is evicted, and checked in full next time. */
export const REMEMBERED_MAX = 256;
const REMEMBERED_MS = 300_000;
/** Wrong guesses at one remembered password. Beyond them even the correct one is checked in full. */
export const REMEMBERED_RATE = { perSecond: 2, burst: 60 } as const;
/** The hash checked for unknown users, so the duration does not reveal that they are unknown. */
const NOBODY = `scrypt$32768$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** True if `Host` is a local name of this host, or absent. */
export function isLocalName(host: string | undefined): boolean {
  return host === undefined || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host);
}

/** The user of a correct password, or a refusal: `address` and `network` name the limit exceeded; `by-rack`: a remote rack forwarded it. */
type PasswordVerdict = User | 'wrong' | 'busy' | 'by-rack' | PasswordExcess;

const RETRY_FIELD = { 'Retry-After': '5' };
const LIMITED = {
  busy: BUSY,
  address: refuse('rate-limit.wrong-passwords', undefined, RETRY_FIELD),
  network: refuse('rate-limit-network.wrong-passwords', undefined, RETRY_FIELD),
} as const;

/** The refusal for a password that was not checked. */
export const uncheckedRefusal = (
  why: Exclude<PasswordVerdict, User | 'wrong'>,
  region: Pick<Region, 'config'>,
): Refusal => (why === 'by-rack' ? byRack(region) : LIMITED[why]);

/** The refusal to sign in through a remote rack. */
export const byRack = (region: Pick<Region, 'config'>): Refusal =>
  refuse('sign-in-by-rack', { url: region.config().publicUrl });

/** A remembered correct password. */
interface Remembered {
  readonly digest: string;
  readonly until: Instant;
  /** Limits comparisons: without it, a guesser behind the same address could guess as fast as it likes. */
  readonly rate: RateLimit;
}

/** Checks the passwords of the page's users. */
export class PageGuard {
  readonly #region: Pick<Region, 'store' | 'clock' | 'passwords'>;
  readonly #key: Uint8Array;
  /** The remembered passwords, by address and user. */
  readonly #remembered = new BoundedMap<string, Remembered>(REMEMBERED_MAX, 'set longest ago');

  constructor(region: Pick<Region, 'store' | 'clock' | 'passwords'>) {
    this.#region = region;
    this.#key = region.clock.randomBytes(32);
  }

  /** Checks the password of a user. */
  async check(peer: Peer, username: string, password: string): Promise<PasswordVerdict> {
    // The rack chooses the address it names, so limits by address would not hold; and the rack could read the password.
    if (peer.isByRack) return 'by-rack';
    const { share } = peer;
    const { store, passwords } = this.#region;
    const user = await store.accounts.findUser(username);
    const place = JSON.stringify([share, username]);
    // The stored hash is part of the digest, so a changed password is not accepted from memory.
    const facts = JSON.stringify([place, password, user?.passwordHash ?? '']);
    const digest = createHmac('sha256', this.#key).update(facts).digest('hex');
    if (user !== undefined && this.#isRemembered(place, digest)) return user;
    const permit = await passwords.take(share);
    if (typeof permit === 'string') return permit;
    const isRight = await passwords.check(share, permit, password, user?.passwordHash ?? NOBODY);
    if (isRight === 'busy') return 'busy';
    if (!isRight || user === undefined) {
      await this.#noteWrong(peer, user);
      return 'wrong';
    }
    await permit.giveBack();
    this.#remember(place, digest);
    return user;
  }

  /** Stores the event of a session that began or ended. */
  async note({ address: from }: Peer, { username }: User, code: 'signed-in' | 'signed-out'): Promise<void> {
    const { store, clock } = this.#region;
    const event = { type: 'AUTHORISATION', code, params: { from }, atMs: clock.wallTimeMs(), username } as const;
    await store.recordEvent(event, undefined);
  }

  async #noteWrong({ share, address }: Peer, user: User | undefined): Promise<void> {
    const { store, clock, passwords } = this.#region;
    const count = passwords.countWrong(share);
    if (count === undefined) return;
    const params = { user: user?.username ?? '', from: address, count };
    const event = {
      type: 'AUTHORISATION',
      code: 'password-wrong',
      params,
      atMs: clock.wallTimeMs(),
      username: '',
    } as const;
    await store.recordEvent(event, undefined);
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
