// Asks several sources at once: an image comes from the first one, in order, that has it.
//
//   open ─┬───────────────────────▶ answered
//         └─ patienceMs ─▶ late ──▶ answered
//
// 1. A silent source delays only the images of later sources, and only until it is late. Its answer
//    counts whenever it comes.
// 2. While no source has the image, all are awaited: documents have their own bounds (download/document.ts).
// 3. Whoever awaits the image hears of the silent sources after NOTICE_MS, again every REPEAT_MS,
//    and when it goes on without them.

import { type Clock, later } from '../../ground/clock.ts';
import { sleepUntil } from '../download/sleep-until.ts';
import type { SourceAnswer } from './offer.ts';

const NOTICE_MS = 3000;
const REPEAT_MS = 20_000;

/** `late`: later sources do not wait for it any more. */
type Answer = SourceAnswer | 'open' | 'late';

const isHere = (answer: Answer): answer is SourceAnswer => typeof answer === 'object';

interface QuestionDeps<Source> {
  /** A rejection ends every wait. */
  readonly ask: (source: Source, signal: AbortSignal) => Promise<SourceAnswer>;
  readonly clock: Clock;
  /** After how long a source is late. */
  readonly patienceMs: number;
  readonly onChange?: () => void;
  readonly onWait?: (sources: readonly Source[]) => void;
  readonly onGiveUp?: (sources: readonly Source[]) => void;
}

interface Question<Source> {
  readonly source: Source;
  answer: Answer;
}

export class Questions<Source> {
  readonly #deps: QuestionDeps<Source>;
  readonly #questions: readonly Question<Source>[];
  readonly #stop = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  #changed = Promise.withResolvers<void>();

  constructor(sources: readonly Source[], deps: QuestionDeps<Source>) {
    this.#deps = deps;
    // A failure after the last wait concerns nobody.
    this.#failed.promise.catch(() => undefined);
    this.#questions = sources.map((source) => ({ source, answer: 'open' }));
    for (const question of this.#questions) this.#ask(question);
  }

  /** In the order of the sources. */
  get answers(): readonly (readonly [Source, Answer])[] {
    return this.#questions.map(({ source, answer }) => [source, answer]);
  }

  /** The answers that have come, in the order of the sources. */
  get come(): readonly SourceAnswer[] {
    return this.#questions.map(({ answer }) => answer).filter(isHere);
  }

  /** True if each source has answered, or is late. */
  get isSettled(): boolean {
    return this.#questions.every(({ answer }) => answer !== 'open');
  }

  /** True if no answer can come any more. */
  get isOver(): boolean {
    return this.#stop.signal.aborted || this.#questions.every(({ answer }) => isHere(answer));
  }

  /**
   * Waits for the answers that decide.
   * @param isHit true if an answer has the image; default: all answers are needed
   * @returns those that have come, in the order of the sources Rejects as `ask`
   */
  async until(isHit: (answer: SourceAnswer) => boolean = () => false): Promise<readonly SourceAnswer[]> {
    const { clock, onWait, onGiveUp } = this.#deps;
    let noticeAt = later(clock.now(), NOTICE_MS);
    for (;;) {
      const hit = this.#questions.findIndex(({ answer }) => isHere(answer) && isHit(answer));
      const earlier = hit < 0 ? this.#questions : this.#questions.slice(0, hit);
      const silent = earlier.filter(({ answer }) => !isHere(answer));
      const awaited = silent.filter(({ answer }) => hit < 0 || answer === 'open').map(({ source }) => source);
      if (awaited.length === 0) {
        if (silent.length > 0) onGiveUp?.(silent.map(({ source }) => source));
        return this.come;
      }
      if (clock.now() >= noticeAt) {
        onWait?.(awaited);
        noticeAt = later(clock.now(), REPEAT_MS);
      }
      const woken = new AbortController();
      const pause = sleepUntil(noticeAt, clock, woken.signal);
      try {
        await Promise.race([this.#changed.promise, this.#failed.promise, pause]);
      } finally {
        woken.abort();
      }
    }
  }

  /** Ends the questions that have no answer. */
  close(): void {
    this.#stop.abort();
  }

  #ask(question: Question<Source>): void {
    const { ask, clock, patienceMs } = this.#deps;
    const timer = clock.schedule(patienceMs, () => this.#take(question, 'late'));
    void ask(question.source, this.#stop.signal)
      .finally(() => timer.cancel())
      .then((answer) => this.#take(question, answer), this.#failed.reject);
  }

  #take(question: Question<Source>, answer: Answer): void {
    if (this.#stop.signal.aborted) return;
    question.answer = answer;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#deps.onChange?.();
  }
}
