// Prints what happens in a lab to the terminal: one line per step, with the seconds since the start and the speaker.

import { cleanText } from '../clean-text.ts';
import type { Clock } from '../clock.ts';

const COLOURS = {
  rack: '\u001b[36m',
  region: '\u001b[36m',
  machine: '\u001b[33m',
  lab: '\u001b[1m',
  problem: '\u001b[31m',
} as const;
const RESET = '\u001b[0m';

export type Speaker = keyof typeof COLOURS;

/** Prints lines in order. */
export class Narrator {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #colour: boolean;
  readonly #print: (line: string) => void;

  constructor(clock: Clock, print: (line: string) => void = console.log) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
    this.#print = print;
  }

  tell(speaker: Speaker, text: string): void {
    const at = ((this.#clock.now() - this.#startedAt) / 1000).toFixed(2).padStart(7);
    const who = speaker.padEnd(9);
    this.#print(`${at} s  ${this.#colour ? `${COLOURS[speaker]}${who}${RESET}` : who} ${cleanText(text)}`);
  }

  /** Prints lines without time and speaker, to read or copy. */
  show(lines: readonly string[]): void {
    for (const line of lines) this.#print(cleanText(line));
  }
}
