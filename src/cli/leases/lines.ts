// The lines of a file of any size, read piece by piece on demand.

import { closeSync, openSync, readSync } from 'node:fs';
import { errorText, osErrorCode, RackError } from '../../errors.ts';

const PIECE_BYTES = 256 * 1024;

/**
 * The lines of a file, one character a byte, without their ends (LF or CR LF). A line longer than `lineMax` is cut to `lineMax` + 1
 * characters, by which the caller recognises it.
 * @throws RackError `not-found` if the file cannot be read, `permission-denied`
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
    throw problemOf(path, cause);
  }
}

function read(file: number, into: Buffer, path: string): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (cause) {
    throw problemOf(path, cause);
  }
}

function problemOf(path: string, cause: unknown): RackError {
  const code = osErrorCode(cause);
  if (code === 'ENOENT') return new RackError('not-found', `there is no file ${path}`, { cause });
  if (code === 'EACCES') return new RackError('permission-denied', `this user may not read ${path}`, { cause });
  if (code === 'EISDIR') return new RackError('not-found', `${path} is a directory: name a file in it`, { cause });
  return new RackError('not-found', `${path} cannot be read: ${errorText(cause)}`, { cause });
}
