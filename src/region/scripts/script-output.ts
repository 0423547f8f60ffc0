// What a script says, as it arrives in pieces, and as people read it.
//
// 1. A piece that comes twice is taken once; one that is missing is marked.
// 2. Whatever the bytes are, the text has no control characters but line ends and tabs, and no sequence that moves a cursor.

import { cleanLines } from '../../clean-text.ts';
import { counted } from '../../counted.ts';
import { copyBytes } from '../../net/borrowed-bytes.ts';
import { OUTPUT_BYTES_MAX } from '../records/script-store.ts';

/** What came before, and how much that was in all. */
export interface OutputSoFar {
  readonly tail: Uint8Array;
  readonly outputBytes: number;
}

/** Adds a piece that begins at `offset` of all that a script says. */
export function appendOutput(before: OutputSoFar, offset: number, piece: Uint8Array): OutputSoFar {
  const known = before.outputBytes - offset;
  if (known >= piece.length) return before;
  const news = known > 0 ? piece.subarray(known) : piece;
  const gap = known < 0 ? Buffer.from(`\n[${counted(-known, 'byte')} did not arrive]\n`) : Buffer.alloc(0);
  const whole = Buffer.concat([before.tail, gap, news]);
  return {
    tail: copyBytes(whole, Math.max(0, whole.length - OUTPUT_BYTES_MAX)),
    outputBytes: offset + piece.length,
  };
}

// ECMA-48 §5.4: control sequences, and what other escapes begin.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;

/** An output as people read it: of a line that was written over the last version. */
export function outputText(bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('utf8').replace(ESCAPES, '').split('\n');
  return cleanLines(lines.map(lastVersion).join('\n'));
}

/** What is left to see of a line that was written over. Also a line of nothing but returns costs one look. */
function lastVersion(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') end -= 1;
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

/** The last line that says something, for one sentence; empty: none does. */
export function lastWords(bytes: Uint8Array, charactersMax: number): string {
  const lines = outputText(bytes)
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '');
  return (lines.at(-1) ?? '').slice(0, charactersMax).toWellFormed();
}
