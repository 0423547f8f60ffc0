// The lines of a file of any size, read piece by piece on demand.

import { closeSync, openSync, readSync } from 'node:fs';
import { fileFault } from '../../files/read-fault.ts';

const PIECE_BYTES = 256 * 1024;

/**
 * The lines of a file, one character a byte, without their ends (LF or CR LF). A line longer than `lineMax` is cut to `lineMax` + 1
 * characters, by which the caller recognises it.
 * @throws RackError as `fileFault`
 */
export function* linesOfFile(path: string, lineMax: number): Generator<string, void> {
  const file = open(path);
  const piece = Buffer.alloc(PIECE_BYTES);
  const cut = lineMax + 1;
  let rest = '';
  try {
    for (;;) {
      const bytes = read(file, piece, path);
      if (bytes === 0) break;
      const lines = (rest + piece.toString('latin1', 0, bytes)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield withoutReturn(line).slice(0, cut);
      // Keep one more than the cut: the line may end in a CR, which does not count.
      rest = rest.slice(0, cut + 1);
    }
    if (rest !== '') yield withoutReturn(rest).slice(0, cut);
  } finally {
    closeSync(file);
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw fileFault(path, cause);
  }
}

function read(file: number, into: Buffer, path: string): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (cause) {
    throw fileFault(path, cause);
  }
}
