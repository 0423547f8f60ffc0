// Matches questions to a thread with their answers, by number, and gives up on late answers.
//
// 1. At most QUESTIONS_MAX questions are open, abandoned ones included: their messages stay in the
//    thread's queue until it answers or ends.

import type { Clock, Timer } from '../ground/clock.ts';

/** Open questions to the thread; a further one is refused. */
export const QUESTIONS_MAX = 64;

type QuestionOutcome<Value> =
  | { readonly kind: 'answered'; readonly value: Value }
  /** No answer arrived in time, but the thread may still have acted, or may do so later. */
  | { readonly kind: 'no-answer' }
  | { readonly kind: 'too-many-waiting' };

export class Questions<Value> {
  readonly #clock: Clock;
  readonly #answerMsMax: number;
  readonly #usedMs: () => number;
  readonly #open = new Map<number, { readonly resolve: (outcome: QuestionOutcome<Value>) => void; late: Timer }>();
  /** Questions whose callers no longer wait. */
  readonly #abandoned = new Set<number>();
  #next = 1;

  /**
   * @param answerMsMax a question is abandoned after this time without an answer, in milliseconds
   * @param usedMs the processor time that the thread has used, in milliseconds: while it changes, a
   * question waits on. Default: it never does
   */
  constructor(clock: Clock, answerMsMax: number, usedMs: () => number = () => 0) {
    this.#clock = clock;
    this.#answerMsMax = answerMsMax;
    this.#usedMs = usedMs;
  }

  ask(send: (id: number) => void): Promise<QuestionOutcome<Value>> {
    if (this.#open.size + this.#abandoned.size >= QUESTIONS_MAX) return Promise.resolve({ kind: 'too-many-waiting' });
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const wait = (): Timer => {
        const before = this.#usedMs();
        return this.#clock.schedule(this.#answerMsMax, () => {
          const open = this.#open.get(id);
          if (open !== undefined && this.#usedMs() !== before) {
            open.late = wait();
            return;
          }
          this.#open.delete(id);
          this.#abandoned.add(id);
          resolve({ kind: 'no-answer' });
        });
      };
      this.#open.set(id, { resolve, late: wait() });
      send(id);
    });
  }

  answer(id: number, value: Value): void {
    this.#abandoned.delete(id);
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.late.cancel();
    open.resolve({ kind: 'answered', value });
  }

  /** Call when the thread has ended: no open question will be answered. */
  forget(): void {
    this.#abandoned.clear();
    for (const { resolve, late } of this.#open.values()) {
      late.cancel();
      resolve({ kind: 'no-answer' });
    }
    this.#open.clear();
  }
}
