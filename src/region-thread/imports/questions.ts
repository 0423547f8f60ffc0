// The questions of a run to its sources.
//
//   begin ─▶ open ─┬─▶ answered ─┬─▶ closed
//            ▲     └─▶ late ─────┘     after AWAITED_MS; it may still be answered
//            └── begin, while open ── once more, after the answer
//   begin without its source, stop ─▶ dropped
//
// 1. A question stays open when the run is renewed, unless its source or the selections have changed: else a long answer would never come
//    whole. It is asked once more afterwards, because the site may have changed.
// 2. An answer counts until the next one of the same question.

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock.ts';
import type { SourceAnswer } from '../../images/sources/offer.ts';
import { type Asked, AWAITED_MS, type SelectedSource } from './plan.ts';

interface Question {
  readonly selected: SelectedSource;
  readonly stop: AbortController;
  answer: Asked[1];
  isOpen: boolean;
  isAskedAgain: boolean;
}

interface QuestionParts {
  readonly clock: Clock;
  readonly ask: (selected: SelectedSource, signal: AbortSignal) => Promise<SourceAnswer>;
  readonly onAnswer: () => void;
  /** Called when a question is closed or dropped. */
  readonly onEnd: () => void;
  /** Called instead of `onEnd` if `ask` or `onAnswer` failed: that is our own bug. */
  readonly onBug: (error: unknown) => void;
}

export class Questions {
  readonly #parts: QuestionParts;
  #questions: readonly Question[] = [];
  /** With those that were dropped. */
  #open = 0;

  constructor(parts: QuestionParts) {
    this.#parts = parts;
  }

  get answers(): readonly Asked[] {
    return this.#questions.map(({ selected, answer }) => [selected, answer]);
  }

  /** True if no source is waited for: each has answered, or is late. */
  get areAnswered(): boolean {
    return this.#questions.every(({ answer }) => answer !== undefined);
  }

  get areOver(): boolean {
    return this.#open === 0;
  }

  /** Asks the sources, and no others any more. */
  begin(sources: readonly SelectedSource[]): void {
    const before = this.#questions.filter(({ isOpen }) => isOpen);
    this.#questions = sources.map((selected) => {
      const same = before.find((one) => isDeepStrictEqual(one.selected, selected));
      if (same === undefined) return this.#begin(selected);
      same.isAskedAgain = true;
      return same;
    });
    for (const one of before) if (!this.#questions.includes(one)) one.stop.abort();
  }

  stop(): void {
    for (const { stop } of this.#questions) stop.abort();
  }

  #begin(selected: SelectedSource): Question {
    const { onEnd, onBug } = this.#parts;
    const stop = new AbortController();
    const question: Question = { selected, stop, answer: undefined, isOpen: true, isAskedAgain: true };
    this.#open += 1;
    void this.#ask(question)
      .finally(() => {
        question.isOpen = false;
        this.#open -= 1;
      })
      .then(onEnd, onBug);
    return question;
  }

  async #ask(question: Question): Promise<void> {
    const { clock, ask, onAnswer } = this.#parts;
    const { signal } = question.stop;
    const timer = clock.schedule(AWAITED_MS, () => {
      if (question.answer !== undefined || signal.aborted) return;
      question.answer = 'late';
      onAnswer();
    });
    try {
      while (question.isAskedAgain) {
        question.isAskedAgain = false;
        const answer = await ask(question.selected, signal);
        if (signal.aborted) return;
        question.answer = answer;
        onAnswer();
      }
    } finally {
      timer.cancel();
    }
  }
}
