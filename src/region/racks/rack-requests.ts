// Has racks change leases, search for other DHCP servers, and wake or hear hosts, and waits for their
// answers.
//
//   operation ─ ask ─► carrier of the rack ─┬─ message to the rack of this process ──┐
//                                           └─ its stream of changes, if it is remote ┴─► rack ─ message, or heartbeat ─► answer
//
// 1. A rack answers when the change is on disk, or the search is over. If it does not within
//    ANSWER_MS_MAX, nobody knows whether the change was made.
// 2. Nothing is kept for a rack that no carrier of this process reaches: a person would not expect
//    a change that comes later.

import { type Clock, newUuid } from '../../ground/clock.ts';
import type { RackAnswer, RackRequest, RackTask, TaskAnswer } from '../records/rack-request.ts';

/**
 * How long a rack may take to answer, in milliseconds: it writes to its disk, or listens for offers
 * for 5 s; a remote one sends a heartbeat.
 */
const ANSWER_MS_MAX = 8000;
/** Requests without an answer; a further one counts as unanswered. */
const OPEN_MAX = 256;

type Carrier = (request: RackRequest) => void;

/** The rack cannot be reached from here, or did not answer in time. */
interface Silence extends Pick<TaskAnswer, 'servers' | 'interfaces' | 'isHeard'> {
  readonly outcome: 'silent';
}

const SILENCE: Silence = { outcome: 'silent' };

interface Open {
  readonly rack: string;
  readonly take: (answer: TaskAnswer) => void;
}

export class RackRequests {
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
      const rest = (this.#carriers.get(rack) ?? []).filter((entry) => entry !== carrier);
      if (rest.length === 0) this.#carriers.delete(rack);
      else this.#carriers.set(rack, rest);
    };
  }

  /** @param rack its UUID */
  ask(rack: string, task: RackTask): Promise<TaskAnswer | Silence> {
    const carrier = this.#carriers.get(rack)?.at(-1);
    if (carrier === undefined || this.#open.size >= OPEN_MAX) return Promise.resolve(SILENCE);
    const id = newUuid();
    return new Promise((resolve) => {
      const end = (answer: TaskAnswer | Silence): void => {
        late.cancel();
        this.#open.delete(id);
        resolve(answer);
      };
      const late = this.#clock.schedule(ANSWER_MS_MAX, () => end(SILENCE));
      this.#open.set(id, { rack, take: end });
      carrier({ id, task });
    });
  }

  /** Takes a rack's answer; one that nobody waits for is ignored. @param rack its UUID */
  answer(rack: string, { id, ...answer }: RackAnswer): void {
    const open = this.#open.get(id);
    if (open?.rack === rack) open.take(answer);
  }
}
