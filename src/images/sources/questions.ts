// Asks several sources at once: an image comes from the first one, in order, that has it.
//
//   open ─┬───────────────────────▶ answered
//         └─ patienceMs ─▶ late ──▶ answered
//
// 1. A source that does not answer delays only images that later sources have, and only until it is
//    late. Its answer counts whenever it comes.
// 2. While no source has the image, all are awaited: documents have their own bounds (download/document.ts).
// 3. The caller is notified of the silent sources after NOTICE_MS, then every REPEAT_MS, and when
//    the wait ends without them.

import { type Clock, later } from '../../ground/clock.ts';
import { sleepUntil } from '../download/sleep-until.ts';
import type { SourceAnswer } from './offer.ts';

const NOTICE_MS = 3000;
const REPEAT_MS = 20_000;

/** With `late`, later sources do not wait for this one any more. */
type QuestionState = SourceAnswer | 'open' | 'late';

const isAnswered = (answer: QuestionState): answer is SourceAnswer => typeof answer === 'object';

interface QuestionDeps<Source> {
  /** A rejection ends every wait. */
  readonly ask: (source: Source, signal: AbortSignal) => Promise<SourceAnswer>;
  readonly clock: Clock;
  /** The time after which a source is late. */
  readonly patienceMs: number;
  readonly onChange?: () => void;
  readonly onWait?: (sources: readonly Source[]) => void;
  readonly onGiveUp?: (sources: readonly Source[]) => void;
}

interface Question<Source> {
  readonly source: Source;
  answer: QuestionState;
}

export class SourceQuestions<Source> {
  readonly #deps: QuestionDeps<Source>;
  readonly #questions: readonly Question<Source>[];
  readonly #stop = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  #changed = Promise.withResolvers<void>();

  constructor(sources: readonly Source[], deps: QuestionDeps<Source>) {
    this.#deps = deps;
    // A failure after the last wait is ignored.
    this.#failed.promise.catch(() => undefined);
    this.#questions = sources.map((source) => ({ source, answer: 'open' }));
    for (const question of this.#questions) this.#ask(question);
  }

  /** The states of all questions, in the order of the sources. */
  get answers(): readonly (readonly [Source, QuestionState])[] {
    return this.#questions.map(({ source, answer }) => [source, answer]);
  }

  /** The received answers, in the order of the sources. */
  get received(): readonly SourceAnswer[] {
    return this.#questions.map(({ answer }) => answer).filter(isAnswered);
  }

  /** True if each source has answered, or is late. */
  get isSettled(): boolean {
    return this.#questions.every(({ answer }) => answer !== 'open');
  }

  /** True if no answer can come any more. */
  get hasEnded(): boolean {
    return this.#stop.signal.aborted || this.#questions.every(({ answer }) => isAnswered(answer));
  }

  /**
   * Waits for the answers that decide.
   * @param isHit true if an answer has the image. By default, all answers are needed
   * @returns the received answers, in the order of the sources. Rejects as `ask`
   */
  async until(isHit: (answer: SourceAnswer) => boolean = () => false): Promise<readonly SourceAnswer[]> {
    const { clock, onWait, onGiveUp } = this.#deps;
    let noticeTime = later(clock.now(), NOTICE_MS);
    for (;;) {
      const hitIndex = this.#questions.findIndex(({ answer }) => isAnswered(answer) && isHit(answer));
      const earlier = hitIndex < 0 ? this.#questions : this.#questions.slice(0, hitIndex);
      const silent = earlier.filter(({ answer }) => !isAnswered(answer));
      const awaited = silent.filter(({ answer }) => hitIndex < 0 || answer === 'open').map(({ source }) => source);
      if (awaited.length === 0) {
        if (silent.length > 0) onGiveUp?.(silent.map(({ source }) => source));
        return this.received;
      }
      if (clock.now() >= noticeTime) {
        onWait?.(awaited);
        noticeTime = later(clock.now(), REPEAT_MS);
      }
      const wakeUp = new AbortController();
      const pause = sleepUntil(noticeTime, clock, wakeUp.signal);
      try {
        await Promise.race([this.#changed.promise, this.#failed.promise, pause]);
      } finally {
        wakeUp.abort();
      }
    }
  }

  /** Ends the questions that are not answered yet. */
  close(): void {
    this.#stop.abort();
  }

  #ask(question: Question<Source>): void {
    const { ask, clock, patienceMs } = this.#deps;
    const timer = clock.schedule(patienceMs, () => this.#record(question, 'late'));
    void ask(question.source, this.#stop.signal)
      .finally(() => timer.cancel())
      .then((answer) => this.#record(question, answer), this.#failed.reject);
  }

  #record(question: Question<Source>, answer: QuestionState): void {
    if (this.#stop.signal.aborted) return;
    question.answer = answer;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#deps.onChange?.();
  }
}
