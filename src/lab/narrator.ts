// Tells a person at the terminal what is happening: one line a step, with the seconds since the start and who did it.

import { cleanText } from '../clean-text.ts';
import type { Clock } from '../clock.ts';
import type { LogLine } from './daemon-process.ts';

const COLOURS = { rack: '\u001b[36m', machine: '\u001b[33m', lab: '\u001b[1m', problem: '\u001b[31m' } as const;
const RESET = '\u001b[0m';
const PINO_WARNING = 40;
/** Fields of a log line that say nothing to a person watching. */
const HIDDEN = new Set(['event', 'level', 'msg', 'time', 'mac']);

export type Speaker = keyof typeof COLOURS;

/** Prints lines in the order they are told. */
export class Narrator {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #colour: boolean;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  }

  tell(speaker: Speaker, text: string): void {
    const at = ((this.#clock.now() - this.#startedAt) / 1000).toFixed(2).padStart(7);
    const who = speaker.padEnd(9);
    console.log(`${at} s  ${this.#colour ? `${COLOURS[speaker]}${who}${RESET}` : who} ${cleanText(text)}`);
  }

  /** Tells a line of the daemon's log. */
  tellLog(line: LogLine): void {
    const fields = Object.entries(line)
      .filter(([name, value]) => !HIDDEN.has(name) && value !== '' && value !== null)
      .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
    this.tell(line.level >= PINO_WARNING ? 'problem' : 'rack', [line.msg, ...fields].join('  '));
  }
}
