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
  readonly #readUsedMs: () => number;
  readonly #openQuestions = new Map<
    number,
    { readonly resolve: (outcome: QuestionOutcome<Value>) => void; timeout: Timer }
  >();
  /** Questions whose callers no longer wait. */
  readonly #abandonedIds = new Set<number>();
  #nextId = 1;

  /**
   * @param answerMsMax a question is abandoned after this time without an answer, in milliseconds
   * @param readUsedMs the processor time that the thread has used, in milliseconds: while it changes, a
   * question waits on. Default: it never does
   */
  constructor(clock: Clock, answerMsMax: number, readUsedMs: () => number = () => 0) {
    this.#clock = clock;
    this.#answerMsMax = answerMsMax;
    this.#readUsedMs = readUsedMs;
  }

  ask(send: (id: number) => void): Promise<QuestionOutcome<Value>> {
    if (this.#openQuestions.size + this.#abandonedIds.size >= QUESTIONS_MAX)
      return Promise.resolve({ kind: 'too-many-waiting' });
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      const startTimeout = (): Timer => {
        const usedBeforeMs = this.#readUsedMs();
        return this.#clock.schedule(this.#answerMsMax, () => {
          const question = this.#openQuestions.get(id);
          if (question !== undefined && this.#readUsedMs() !== usedBeforeMs) {
            question.timeout = startTimeout();
            return;
          }
          this.#openQuestions.delete(id);
          this.#abandonedIds.add(id);
          resolve({ kind: 'no-answer' });
        });
      };
      this.#openQuestions.set(id, { resolve, timeout: startTimeout() });
      send(id);
    });
  }

  answer(id: number, value: Value): void {
    this.#abandonedIds.delete(id);
    const question = this.#openQuestions.get(id);
    if (question === undefined) return;
    this.#openQuestions.delete(id);
    question.timeout.cancel();
    question.resolve({ kind: 'answered', value });
  }

  /** Call when the thread has ended: no open question will be answered. */
  forget(): void {
    this.#abandonedIds.clear();
    for (const { resolve, timeout } of this.#openQuestions.values()) {
      timeout.cancel();
      resolve({ kind: 'no-answer' });
    }
    this.#openQuestions.clear();
  }
}
