// Questions to a thread and their answers, matched by number. An answer that does not come in time is given up.

import type { Clock, Timer } from '../clock.ts';

/** Questions that may be open at a time; a further one is not asked. */
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
  #next = 1;

  constructor(clock: Clock, answerMsMax: number) {
    this.#clock = clock;
    this.#answerMsMax = answerMsMax;
  }

  /** Asks by `send`, and waits for `answer` with the same number. Never rejects. */
  ask(send: (id: number) => void): Promise<Asked<Value>> {
    if (this.#open.size >= QUESTIONS_MAX) return Promise.resolve({ kind: 'too many are asked already' });
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const late = this.#clock.schedule(this.#answerMsMax, () => {
        this.#open.delete(id);
        resolve({ kind: 'no answer in time' });
      });
      this.#open.set(id, { resolve, late });
      send(id);
    });
  }

  answer(id: number, value: Value): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.late.cancel();
    open.resolve({ kind: 'answered', value });
  }
}
