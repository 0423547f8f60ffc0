// Password checks and hashes of one region: a few run at a time, and the others wait in a queue
// that addresses, networks and accounts share.
//
// 1. The operator of this host neither waits nor counts.
// 2. First come, first served. In a full queue, the address, network or account with the most
//    entries loses one to each newcomer, so a flood of guesses delays others by at most the length
//    of the queue.
// 3. New passwords count by the account that sets them, whatever its addresses. An account without
//    rights has a rate besides, at all processes together, so it cannot keep the others from
//    signing in.
// 4. Wrong passwords are events up to a rate, so that nobody can fill the log by guessing.

import type { Clock } from '../../ground/clock.ts';
import { EventSampler, type Rate, RateLimit, RateLimits } from '../../ground/rate-limit.ts';
import { FairQueue } from '../../net/shares/fair-shares.ts';
import type { RateStore } from '../records/rate-store.ts';
import { hashPassword, verifyPassword } from './accounts.ts';
import { ADDRESSES_MAX, type PasswordExcess, PasswordLimits, type PasswordPermit } from './password-limits.ts';

/** Passwords processed at a time. Clients within the limits fill it; others wait. It empties in 100 ms. */
export const CHECKS_MAX = 2;
/**
 * Waiting passwords. Clients within the limits fill it; a client that gives way to a newcomer gets
 * 429 and retries. It empties in two seconds.
 */
export const CHECKS_WAITING_MAX = 32;
/**
 * New passwords of one account without rights, which sets only its own. Administrators make
 * accounts for many people, and have no rate.
 */
export const NEW_PASSWORDS_PER_ACCOUNT: Rate = { perSecond: 0.1, burst: 5 };
/** Wrong passwords from one address that become events. The next event counts those between. */
export const WRONG_EVENTS: Rate = { perSecond: 1 / 300, burst: 3 };
export const WRONG_EVENTS_TOGETHER: Rate = { perSecond: 1 / 60, burst: 100 };
/** Addresses whose wrong passwords are counted; beyond them, the oldest is forgotten, with its count. */
export const WRONG_ADDRESSES_MAX = 1024;

interface PasswordSetter {
  readonly username: string;
  readonly isAdmin: boolean;
}

interface Waiting {
  readonly go: () => void;
  readonly giveWay: () => void;
}

export class Passwords {
  readonly #clock: Clock;
  readonly #limits: PasswordLimits;
  readonly #shared: RateStore | undefined;
  readonly #setters = new RateLimits<string>(NEW_PASSWORDS_PER_ACCOUNT, ADDRESSES_MAX);
  readonly #queue = new FairQueue<Waiting>(CHECKS_WAITING_MAX);
  readonly #wrong = new EventSampler(WRONG_EVENTS, WRONG_ADDRESSES_MAX);
  readonly #wrongTogether = new RateLimit(WRONG_EVENTS_TOGETHER);
  #working = 0;

  /** @param shared the rates of all processes of the region; undefined: this is the only one */
  constructor(clock: Clock, shared?: RateStore) {
    this.#clock = clock;
    this.#limits = new PasswordLimits(shared);
    this.#shared = shared;
  }

  take(address: string): Promise<PasswordPermit | PasswordExcess> {
    return this.#limits.take(address, this.#clock.now());
  }

  /**
   * How many wrong passwords from this address the event of the newest one stands for; `undefined`:
   * it has no event of its own.
   */
  countWrong(address: string): number | undefined {
    const now = this.#clock.now();
    const sample = this.#wrong.take(address, now);
    return sample === undefined || !this.#wrongTogether.allows(now) ? undefined : (sample.count ?? 1);
  }

  /** True if the password matches the hash; `busy` if it lost its place in the queue. */
  check(address: string, permit: PasswordPermit, password: string, hash: string): Promise<boolean | 'busy'> {
    return this.#run(address, () => verifyPassword(permit, password, hash));
  }

  /**
   * Hashes a new password; `too-many` beyond the rate of the account, `busy` if it lost its place
   * in the queue.
   * @param setter `undefined` for the operator of this host, who does not wait
   */
  async hash(setter: PasswordSetter | undefined, password: string): Promise<string | 'too-many' | 'busy'> {
    if (setter === undefined) return hashPassword(password, this.#clock);
    const { username, isAdmin } = setter;
    if (!isAdmin && !(await this.#maySet(username))) return 'too-many';
    // No address has this form, so an account is a client and a network of its own.
    return this.#run(`account ${username}`, () => hashPassword(password, this.#clock));
  }

  async #maySet(username: string) {
    if (!this.#setters.allows(username, this.#clock.now())) return false;
    return (await this.#shared?.take(`new password of ${username}`, NEW_PASSWORDS_PER_ACCOUNT)) ?? true;
  }

  async #run<T>(client: string, work: () => Promise<T>) {
    if (this.#working < CHECKS_MAX) this.#working += 1;
    else if (!(await this.#wait(client))) return 'busy';
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  /** Passes a finished check's place to the first in the queue. */
  #passOn() {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#working -= 1;
      return;
    }
    this.#queue.leave(next);
    next.go();
  }

  /** Resolves to true at its turn, or to false if it gives way. */
  #wait(client: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = { go: () => resolve(true), giveWay: () => resolve(false) };
      this.#queue.enter(client, waiting)?.giveWay();
    });
  }
}
