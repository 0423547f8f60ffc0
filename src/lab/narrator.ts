// Prints what happens in a lab to the terminal: one line per step, with the seconds since the start
// and the speaker.

import { styleText } from 'node:util';
import { cleanText } from '../ground/clean-text.ts';
import type { Clock } from '../ground/clock.ts';

const STYLES = { rack: 'cyan', region: 'cyan', machine: 'yellow', lab: 'bold', problem: 'red' } as const;

type Speaker = keyof typeof STYLES;

/** Prints lines in order. */
export class Narrator {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #print: (line: string) => void;

  constructor(clock: Clock, print: (line: string) => void = console.log) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#print = print;
  }

  tell(speaker: Speaker, text: string): void {
    const elapsed = ((this.#clock.now() - this.#startedAt) / 1000).toFixed(2).padStart(7);
    this.#print(`${elapsed} s  ${styleText(STYLES[speaker], speaker.padEnd(9))} ${cleanText(text)}`);
  }

  /** Prints lines without time and speaker, to read or copy. */
  show(lines: readonly string[]): void {
    for (const line of lines) this.#print(cleanText(line));
  }
}
