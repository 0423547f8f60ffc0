// A script's output: assembled from pieces, and cleaned for people.
//
// 1. A repeated piece is stored once. A mark with the size stands in place of a missing piece, and
//    becomes a line when the output is read.
// 2. For any bytes, the text has no control characters except line ends and tabs, and no sequence
//    that moves the cursor.

import { copyBytes } from '../../ground/borrowed-bytes.ts';
import { cleanLines } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { OUTPUT_BYTES_MAX } from '../records/script-store.ts';

const gapText = (bytes: number): string => `[${counted(bytes, 'byte')} did not arrive]`;

/**
 * The furthest position in an output, in bytes: far more than a script prints, and small enough for
 * every later sum.
 */
export const OFFSET_MAX = 2 ** 40;

interface OutputSoFar {
  readonly tail: Uint8Array;
  readonly outputBytes: number;
}

// A control sequence (ECMA-48 §8.3.89), so that a terminal does not show it. A script that prints
// it only adds a line to its own output.
const gapMark = (bytes: number): string => `\u001b]rackboot-gap;${bytes}\u0007`;
const GAPS = /\u001b\]rackboot-gap;(\d{1,13})\u0007/g;

export function appendOutput(before: OutputSoFar, offset: number, piece: Uint8Array): OutputSoFar {
  const knownBytes = before.outputBytes - offset;
  if (knownBytes >= piece.length) return before;
  const news = knownBytes > 0 ? piece.subarray(knownBytes) : piece;
  const gap = Buffer.from(knownBytes < 0 ? gapMark(-knownBytes) : '');
  const whole = Buffer.concat([before.tail, gap, news]);
  return {
    tail: copyBytes(whole, Math.max(0, whole.length - OUTPUT_BYTES_MAX)),
    outputBytes: Math.min(offset + piece.length, OFFSET_MAX),
  };
}

// ECMA-48 §5.4: control sequences and other escape sequences.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;

/** An output as a terminal would show it: only the last version of an overwritten line. */
export function outputText(bytes: Uint8Array): string {
  const marked = Buffer.from(bytes).toString('utf8');
  const whole = marked.replace(GAPS, (_mark, size) => `\n${gapText(Number(size))}\n`);
  const lines = whole.replace(ESCAPES, '').split('\n');
  return cleanLines(lines.map(lastVersion).join('\n'));
}

/** The last version of an overwritten line. Takes linear time, even for a line of carriage returns. */
function lastVersion(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') end -= 1;
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

/** The last line that is not blank, for use in a sentence; may be empty. */
export function lastWords(bytes: Uint8Array, charactersMax: number): string {
  const lines = outputText(bytes)
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '');
  return (lines.at(-1) ?? '').slice(0, charactersMax).toWellFormed();
}
