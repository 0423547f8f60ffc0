// The work on passwords of one region: so many at a time, the others wait in a queue that is shared out by address and network.
//
// 1. CHECKS_MAX passwords are worked on at a time, of whomever: each takes 32 MiB and about 100 ms of a core.
// 2. The operator of this host comes beside them.
// 3. Whoever waits is taken in the order in which they came. When the queue is full, the address, or network, with the most in it loses
//    one to each newcomer, so that a flood of guesses delays others by the length of the queue at the most.

import type { Clock } from '../../clock.ts';
import { FairShares, type Place } from '../../fair-shares.ts';
import { hashPassword, verifyPassword } from './accounts.ts';
import { type PasswordExcess, PasswordLimits, type PasswordPermit } from './password-limits.ts';

/** Passwords that are worked on at a time. Whoever is within the limits fills it; others wait. 100 ms empty it. */
export const CHECKS_MAX = 2;
/**
 * Passwords that wait. Whoever is within the limits fills it; who gives way to a newcomer is told to try again (429). It empties in
 * two seconds.
 */
export const CHECKS_WAITING_MAX = 32;

interface Waiting {
  readonly go: () => void;
  readonly giveWay: () => void;
}

/** Looks at passwords and hashes them, within limits. */
export class Passwords {
  readonly #clock: Clock;
  readonly #limits = new PasswordLimits();
  readonly #queue = new FairShares<Waiting>({ max: CHECKS_WAITING_MAX });
  /** First come first. */
  readonly #waiting = new Map<Waiting, Place<Waiting>>();
  #working = 0;
  #looks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Passwords that were looked at since the start. */
  get looks(): number {
    return this.#looks;
  }

  /** Leave to look at one password, or whose limit that is beyond. */
  take(address: string): PasswordPermit | PasswordExcess {
    return this.#limits.take(address, this.#clock.now());
  }

  /** True when the password is the one that was hashed; `busy`: others' passwords took all places. */
  check(address: string, permit: PasswordPermit, password: string, hash: string): Promise<boolean | 'busy'> {
    return this.#run(address, () => {
      this.#looks += 1;
      return verifyPassword(permit, password, hash);
    });
  }

  /**
   * A new password in the form in which it is kept; `busy`: others' passwords took all places.
   * @param address undefined: the operator of this host asks, who waits for nobody
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

  /** Gives the place of what has ended to who waits longest. */
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

  /** True when it is this one's turn, false when it gave way. */
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
