// Output: tables for people, JSON for scripts, one line for an error.
//
// 1. Every command prints through this file (test/ground/clean-text.test.ts refuses any other way).
//    Its output has no control characters except line ends, tabs and the colours given to `print`,
//    so text from machines and strangers can neither control a terminal nor reverse a line. A row
//    of a table is one line. Stored documents go into a file or a pipe unchanged.
// 2. Commands in a sentence are printed as this user must type them here, documents where they are
//    (`callCommands`). JSON, documents and lists of leases and datagrams are not changed.
// 3. People read one clock: every moment in a sentence or a table is local time with its offset.
//    JSON and CSV have UTC.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { cleanJson, cleanLines, cleanText } from '../../ground/clean-text.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { type DocumentsPlace, nameDocuments } from '../../ground/named-documents.ts';
import { formatBytes, withLocalTimes } from '../../ground/quantity.ts';
import { formatErrorLines } from '../../observe/journal.ts';
import { type CommandNaming, nameCommands } from './named-commands.ts';
import { systemErrorText } from './system-error.ts';

export { formatBytes, formatDuration, formatLocalTime, formatWallTime } from '../../ground/quantity.ts';

let naming: CommandNaming = { program: 'rackboot', config: '' };
let documents: DocumentsPlace = { directory: '', isPackaged: false };

/** Sets how sentences printed from now on call commands, and where they have documents. */
export function callCommands(called: CommandNaming, place: DocumentsPlace): void {
  naming = called;
  documents = place;
}

const localize = (text: string): string =>
  cleanLines(withLocalTimes(nameDocuments(nameCommands(text, naming), documents)));

/** @param colour if standard output shows colours */
export function print(text: string, colour?: 'yellow'): void {
  const clean = localize(text);
  console.log(colour === undefined ? clean : styleText(colour, clean));
}

export const printError = (text: string): void => console.error(formatErrorLines(localize(text)));

export const printPart = (text: string): boolean => process.stdout.write(localize(text));

/** Writes a question whose answer is not shown to standard error. */
export const printAside = (text: string): boolean => process.stderr.write(localize(text));

/** A preseed or a script: unchanged into a file or a pipe, cleaned on a terminal. */
export const printDocument = (text: string): boolean =>
  process.stdout.write(process.stdout.isTTY ? cleanLines(text) : text);

/** Prints rows as aligned columns under their headings; without rows only the sentence `empty`. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  for (const line of tableLines(headings, rows, empty)) print(line);
}

/** The same as one text. */
export const tableText = (...table: Parameters<typeof tableLines>): string => [...tableLines(...table)].join('\n');

/** The lines of a table for `printLines`, if there may be very many. */
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
  const lines = rows.map((row) => row.map((cell) => cleanText(withLocalTimes(cell), Number.POSITIVE_INFINITY)));
  for (const row of lines) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  yield line(headings);
  for (const row of lines) yield line(row);
}

/** Prints one `name  value` per line, with the values and their further lines aligned. */
export function printFields(fields: readonly (readonly [string, string])[]): void {
  const width = fields.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  for (const [name, value] of fields)
    print(`${name.padEnd(width)}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`.trimEnd());
}

/** The fewest characters of a write, except the last one. */
const WRITE_CHARACTERS = 65_536;

/** Prints lines at the reader's pace, so memory stays bounded. */
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

/** An array as lines of JSON between `before` and `after`. */
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

/** @param indent spaces per level */
export const printJson = (value: unknown, indent = 2): void =>
  console.log(cleanJson(JSON.stringify(value, null, indent)));

/** Unchanged into a file or a pipe; on a terminal only their number. */
export function printBytes(bytes: Uint8Array): void {
  if (process.stdout.isTTY)
    print(`The answer is ${formatBytes(bytes.length)} of binary data: add > FILE to write it into a file`);
  else process.stdout.write(bytes);
}

/** One line of a stream of JSON. */
export const printJsonLine = (value: unknown): void => console.log(cleanJson(JSON.stringify(value)));

/** A `RackError` is one line (or one for each problem), as is an error of the system; a bug has its stack. */
export function printFailure(error: unknown): void {
  const ofSystem = systemErrorText(error);
  if (error instanceof RackError) printError(`rackboot: ${error.message}`);
  else if (ofSystem !== undefined) printError(`rackboot: ${ofSystem}`);
  else if (error instanceof Error && error.stack !== undefined) printError(`rackboot: a bug: ${error.stack}`);
  else printError(`rackboot: ${errorText(error)}`);
}
