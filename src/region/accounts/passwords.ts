// Password checks and hashes of one region: a few run at a time, and the others wait in a queue that addresses and networks share.
//
// 1. CHECKS_MAX passwords are processed at a time; each takes 32 MiB and about 100 ms of a core.
// 2. The operator of this host does not wait and does not count.
// 3. The queue is served first come, first served. When it is full, the address or network with the most entries loses one to each
//    newcomer, so a flood of guesses delays others by at most the length of the queue.

import type { Clock } from '../../clock.ts';
import { FairShares, type Place } from '../../fair-shares.ts';
import { hashPassword, verifyPassword } from './accounts.ts';
import { type PasswordExcess, PasswordLimits, type PasswordPermit } from './password-limits.ts';

/** Passwords processed at a time. Clients within the limits fill it; others wait. It empties in 100 ms. */
export const CHECKS_MAX = 2;
/**
 * Waiting passwords. Clients within the limits fill it; a client that gives way to a newcomer gets 429 and retries. It empties in two
 * seconds.
 */
export const CHECKS_WAITING_MAX = 32;

interface Waiting {
  readonly go: () => void;
  readonly giveWay: () => void;
}

/** Checks and hashes passwords, within limits. */
export class Passwords {
  readonly #clock: Clock;
  readonly #limits = new PasswordLimits();
  readonly #queue = new FairShares<Waiting>({ max: CHECKS_WAITING_MAX });
  /** In the order of arrival. */
  readonly #waiting = new Map<Waiting, Place<Waiting>>();
  #working = 0;
  #looks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Passwords checked since start. */
  get looks(): number {
    return this.#looks;
  }

  /** A permit for one check, or the limit that is exceeded. */
  take(address: string): PasswordPermit | PasswordExcess {
    return this.#limits.take(address, this.#clock.now());
  }

  /** True if the password matches the hash; `busy` if it lost its place in the queue. */
  check(address: string, permit: PasswordPermit, password: string, hash: string): Promise<boolean | 'busy'> {
    return this.#run(address, () => {
      this.#looks += 1;
      return verifyPassword(permit, password, hash);
    });
  }

  /**
   * Hashes a new password; `busy` if it lost its place in the queue.
   * @param address `undefined` for the operator of this host, who does not wait
   */
  hash(address: string | undefined, password: string): Promise<string | 'busy'> {
    if (address === undefined) return hashPassword(password, this.#clock);
    return this.#run(address, () => hashPassword(password, this.#clock));
  }

  async #run<T>(address: string, work: () => Promise<T>): Promise<T | 'busy'> {
    if (this.#working < CHECKS_MAX) this.#working += 1;
    else if (!(await this.#wait(address))) return 'busy';
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  /** Passes a finished check's place to the first in the queue. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#working -= 1;
      return;
    }
    const [waiting, place] = next;
    this.#waiting.delete(waiting);
    this.#queue.release(place);
    waiting.go();
  }

  /** Resolves to true at its turn, or to false if it gives way. */
  #wait(address: string): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = { go: () => resolve(true), giveWay: () => resolve(false) };
      const admission = this.#queue.admit(address, waiting);
      if (admission.kind === 'refused') {
        resolve(false);
        return;
      }
      this.#waiting.set(waiting, admission.place);
      if (admission.evicted === undefined) return;
      this.#waiting.delete(admission.evicted);
      admission.evicted.giveWay();
    });
  }
}
