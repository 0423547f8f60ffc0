// Asks several sources at once for a person who waits: an image comes from the first source in order that has it.
//
//   asked ─▶ a source has the image ─┬─ those before it have answered ─▶ its answer counts
//                                    └─ PATIENCE_MS later ─────────────▶ its answer counts, and the silent ones are named
//
// 1. A silent source delays only the images of later sources, and only for PATIENCE_MS.
// 2. While no source has the image, all are awaited: documents have their own bounds (download/document.ts).
// 3. Awaited sources are named after NOTICE_MS, and again every REPEAT_MS.

import { type Clock, type Instant, later } from '../../clock.ts';
import { sleepUntil } from '../download/sleep-until.ts';
import type { SourceAnswer } from './offer.ts';
import type { ImageSource } from './source.ts';

const PATIENCE_MS = 60_000;
const NOTICE_MS = 3000;
const REPEAT_MS = 20_000;

/** Tells a person about sources by their names. */
export interface SourceNotices {
  readonly onWait: (sources: readonly string[]) => void;
  readonly onGiveUp: (sources: readonly string[]) => void;
}

interface Question {
  readonly source: ImageSource;
  answer: SourceAnswer | undefined;
  asked: Promise<void>;
}

export class SourceQuestions {
  readonly #questions: readonly Question[];
  readonly #clock: Clock;
  readonly #notices: SourceNotices;

  /** @param ask rejects if the command was stopped */
  constructor(
    sources: readonly ImageSource[],
    ask: (source: ImageSource) => Promise<SourceAnswer>,
    clock: Clock,
    notices: SourceNotices,
  ) {
    this.#clock = clock;
    this.#notices = notices;
    this.#questions = sources.map((source) => {
      const question: Question = { source, answer: undefined, asked: Promise.resolve() };
      question.asked = ask(source).then((answer) => {
        question.answer = answer;
      });
      // A failure after the last wait concerns nobody.
      question.asked.catch(() => undefined);
      return question;
    });
  }

  /** The answers that have come, in the order of the sources. */
  get come(): readonly SourceAnswer[] {
    return this.#questions.flatMap(({ answer }) => answer ?? []);
  }

  /**
   * Waits for the answers that decide.
   * @param isHit true if an answer has the image; default: all answers are needed
   * @returns those that have come, in the order of the sources Rejects as `ask`
   */
  async answers(isHit: (answer: SourceAnswer) => boolean = () => false): Promise<readonly SourceAnswer[]> {
    const now = (): Instant => this.#clock.now();
    const giveUpAt = later(now(), PATIENCE_MS);
    let noticeAt = later(now(), NOTICE_MS);
    for (;;) {
      const hit = this.#questions.findIndex(({ answer }) => answer !== undefined && isHit(answer));
      const earlier = hit < 0 ? this.#questions : this.#questions.slice(0, hit);
      const awaited = earlier.filter(({ answer }) => answer === undefined);
      if (awaited.length === 0) break;
      const names = awaited.map(({ source }) => source.name);
      if (hit >= 0 && now() >= giveUpAt) {
        this.#notices.onGiveUp(names);
        break;
      }
      if (now() >= noticeAt) {
        this.#notices.onWait(names);
        noticeAt = later(now(), REPEAT_MS);
      }
      const until = hit >= 0 && giveUpAt < noticeAt ? giveUpAt : noticeAt;
      await this.#wait(awaited, until);
    }
    return this.come;
  }

  /** Waits for one of these answers, at most until a moment. */
  async #wait(awaited: readonly Question[], until: Instant): Promise<void> {
    const woken = new AbortController();
    const pause = sleepUntil(until, this.#clock, woken.signal);
    try {
      await Promise.race([...awaited.map(({ asked }) => asked), pause]);
    } finally {
      woken.abort();
    }
  }
}
