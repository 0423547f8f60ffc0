// Priorities of lines in systemd's journal, so that `journalctl -p warning` finds them.
//
// Sources: sd-daemon(3), the prefixes <0> to <7>; systemd.exec(5), JOURNAL_STREAM.

import { fstatSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import type { EventLevel } from '../ground/event.ts';

/** The priorities of syslog(3). */
const PRIORITIES: Readonly<Record<EventLevel, number>> = { error: 3, warning: 4, info: 6, debug: 7 };
const STANDARD_ERROR = 2;

/** True if the journal reads this descriptor: a child may inherit the variable and write elsewhere. */
export function isJournal(descriptor: number): boolean {
  const journalStream = process.env.JOURNAL_STREAM;
  if (journalStream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return journalStream === `${dev}:${ino}`;
}

/**
 * The text with the priority before each line, because the journal stores each line as a message of
 * its own.
 */
export const addPriority = (text: string, level: EventLevel): string =>
  text.replace(/^(?=.)/gm, `<${PRIORITIES[level]}>`);

/** The same for standard error, if the journal reads it. */
export const formatErrorLines = (text: string): string =>
  isJournal(STANDARD_ERROR) ? addPriority(text, 'error') : text;

/** Gives the lines of a crash their priority; Node ends the process with the same status. */
export function markCrashes(): void {
  if (!isJournal(STANDARD_ERROR)) return;
  process.on('uncaughtException', (error) => {
    writeSync(STANDARD_ERROR, `${formatErrorLines(inspect(error))}\n`);
    process.exit(1);
  });
}
