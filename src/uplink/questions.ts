// Questions to a thread and their answers, matched by number. An answer that does not come in time is given up.
//
// 1. No more than QUESTIONS_MAX lie before the thread, those that were given up among them: they are in its queue, with all that they
//    carry, until it answers or ends.

import type { Clock, Timer } from '../clock.ts';

/** Questions that the thread may owe an answer at a time; a further one is not asked. */
export const QUESTIONS_MAX = 64;

export type Asked<Value> =
  | { readonly kind: 'answered'; readonly value: Value }
  /** It did not come in time. It may have been done all the same. */
  | { readonly kind: 'no answer in time' }
  | { readonly kind: 'too many are asked already' };

export class Questions<Value> {
  readonly #clock: Clock;
  readonly #answerMsMax: number;
  readonly #open = new Map<number, { readonly resolve: (asked: Asked<Value>) => void; readonly late: Timer }>();
  /** Nobody waits for these any more. */
  readonly #givenUp = new Set<number>();
  #next = 1;

  constructor(clock: Clock, answerMsMax: number) {
    this.#clock = clock;
    this.#answerMsMax = answerMsMax;
  }

  /** Asks by `send`, and waits for `answer` with the same number. Never rejects. */
  ask(send: (id: number) => void): Promise<Asked<Value>> {
    if (this.#open.size + this.#givenUp.size >= QUESTIONS_MAX)
      return Promise.resolve({ kind: 'too many are asked already' });
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const late = this.#clock.schedule(this.#answerMsMax, () => {
        this.#open.delete(id);
        this.#givenUp.add(id);
        resolve({ kind: 'no answer in time' });
      });
      this.#open.set(id, { resolve, late });
      send(id);
    });
  }

  answer(id: number, value: Value): void {
    this.#givenUp.delete(id);
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.late.cancel();
    open.resolve({ kind: 'answered', value });
  }

  /** The thread has ended: what it was asked is asked no more. */
  forget(): void {
    this.#givenUp.clear();
    for (const { resolve, late } of this.#open.values()) {
      late.cancel();
      resolve({ kind: 'no answer in time' });
    }
    this.#open.clear();
  }
}
