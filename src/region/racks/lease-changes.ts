// Has racks change leases, and waits for their answers.
//
//   operation ─ ask ─► carrier of the rack ─┬─ message to the rack of this process ──┐
//                                           └─ its stream of changes, if it is remote ┴─► rack ─ message, or heartbeat ─► answer
//
// 1. A rack answers when the change is on disk. If it does not within ANSWER_MS_MAX, nobody knows whether the change was made.
// 2. Nothing is kept for a rack that no carrier of this process reaches: a person would not expect a change that comes later.

import { type Clock, newUuid } from '../../clock.ts';
import type { LeaseAnswer, LeaseChange, LeaseOutcome, LeaseRequest } from '../records/lease-change.ts';

/** How long a rack may take to answer, in milliseconds: it writes to its disk, and a remote one sends a heartbeat. */
const ANSWER_MS_MAX = 8000;
/** Requests without an answer; a further one counts as unanswered. */
const OPEN_MAX = 256;

type Carrier = (request: LeaseRequest) => void;

interface Open {
  readonly rack: string;
  readonly take: (outcome: LeaseOutcome) => void;
}

export class LeaseChanges {
  readonly #clock: Clock;
  /** By rack, the newest last: a rack abandons an old stream when it opens a new one. */
  readonly #carriers = new Map<string, readonly Carrier[]>();
  readonly #open = new Map<string, Open>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends this rack's requests by `carrier` from now on. @param rack its UUID @returns stops it */
  carry(rack: string, carrier: Carrier): () => void {
    this.#carriers.set(rack, [...(this.#carriers.get(rack) ?? []), carrier]);
    return () => {
      const rest = (this.#carriers.get(rack) ?? []).filter((one) => one !== carrier);
      if (rest.length === 0) this.#carriers.delete(rack);
      else this.#carriers.set(rack, rest);
    };
  }

  /** @param rack its UUID @returns `silent`: it cannot be reached from here, or did not answer in time */
  ask(rack: string, change: LeaseChange): Promise<LeaseOutcome | 'silent'> {
    const carrier = this.#carriers.get(rack)?.at(-1);
    if (carrier === undefined || this.#open.size >= OPEN_MAX) return Promise.resolve('silent');
    const id = newUuid();
    return new Promise((resolve) => {
      const end = (outcome: LeaseOutcome | 'silent'): void => {
        late.cancel();
        this.#open.delete(id);
        resolve(outcome);
      };
      const late = this.#clock.schedule(ANSWER_MS_MAX, () => end('silent'));
      this.#open.set(id, { rack, take: end });
      carrier({ id, change });
    });
  }

  /** Takes a rack's answer; one that nobody waits for is ignored. @param rack its UUID */
  answer(rack: string, { id, outcome }: LeaseAnswer): void {
    const open = this.#open.get(id);
    if (open?.rack === rack) open.take(outcome);
  }
}
