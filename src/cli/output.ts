// What a person sees: tables for reading, JSON for scripts, one line for an error.
//
// 1. Every command prints through this file (test/clean-text.test.ts refuses any other way). Nothing that leaves it has a control character but
//    line ends, tabs and the colours given to `print`: what machines and strangers sent can neither act on a terminal nor turn a line around.
//    Stored documents are exact where they go into a file or a pipe.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { cleanJson, cleanLines } from '../clean-text.ts';
import { errorText, RackError } from '../errors.ts';

export { formatBytes, formatDuration } from '../observe/quantity.ts';

const RESET = '\u001b[0m';

/** Prints one line or several, in `colour` (a sequence of the terminal) if one is given. */
export function print(text: string, colour?: string): void {
  const clean = cleanLines(text);
  console.log(colour === undefined ? clean : `${colour}${clean}${RESET}`);
}

/** The same for what goes wrong. */
export const printError = (text: string): void => console.error(cleanLines(text));

/** Prints what may have lines, without adding one. */
export const printPart = (text: string): boolean => process.stdout.write(cleanLines(text));

/** The same beside the output of the command: a question to a person whose answer is not shown. */
export const printAside = (text: string): boolean => process.stderr.write(cleanLines(text));

/** Prints a document that somebody stored (a preseed, a script): as it is into a file or a pipe, clean on a terminal. */
export const printDocument = (text: string): boolean =>
  process.stdout.write(process.stdout.isTTY ? cleanLines(text) : text);

/** Prints rows as aligned columns under their headings; nothing but a sentence when there are no rows. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  for (const line of tableLines(headings, rows, empty)) print(line);
}

/** The lines of such a table, for `printLines` when they may be very many. */
export function* tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): Generator<string> {
  if (rows.length === 0) {
    yield empty;
    return;
  }
  const widths = headings.map(({ length }) => length);
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  yield line(headings);
  for (const row of rows) yield line(row);
}

/** Prints one `name  value` a line; the values begin in one column, whatever the names. */
export function printFields(fields: readonly (readonly [string, string])[]): void {
  const width = fields.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  for (const [name, value] of fields) print(`${name.padEnd(width)}  ${value}`.trimEnd());
}

/** So much is written at a time, in characters. */
const WRITE_CHARACTERS = 65_536;

/** Prints as many lines as there are, no faster than they are read, so that they need not fit into memory. */
export async function printLines(lines: Iterable<string>, to: Writable = process.stdout): Promise<void> {
  let waiting = '';
  const write = async (): Promise<void> => {
    const text = waiting;
    waiting = '';
    if (!to.write(text)) await once(to, 'drain');
  };
  for (const line of lines) {
    waiting += `${cleanLines(line)}\n`;
    if (waiting.length >= WRITE_CHARACTERS) await write();
  }
  if (waiting !== '') await write();
}

/** An array as lines of JSON, one element at a time; `before` and `after` are put around it. */
export function* jsonListLines(before: string, elements: Iterable<unknown>, after: string): Generator<string> {
  let line = `${before}[`;
  let separator = '';
  for (const element of elements) {
    yield `${line}${separator}`;
    line = cleanJson(JSON.stringify(element, null, 2));
    separator = ',';
  }
  yield line;
  yield `]${after}`;
}

export const printJson = (value: unknown): void => print(cleanJson(JSON.stringify(value, null, 2)));

/** One line of JSON, of a stream of them. */
export const printJsonLine = (value: unknown): void => print(cleanJson(JSON.stringify(value)));

/** Prints a failure of the world as one line (problems of a configuration: one each); a bug with its stack. */
export function printFailure(error: unknown): void {
  if (error instanceof RackError) printError(`rackboot: ${error.message}`);
  else if (error instanceof Error && error.stack !== undefined) printError(`rackboot: a bug: ${error.stack}`);
  else printError(`rackboot: ${errorText(error)}`);
}
