// Sends one piece of a file to the `upload_uri` of a region.
//
// Source: the maas command line: PUTs of 4 MiB.
//
// 1. Only the piece is in memory.
// 2. Each piece names its position in the file (`Content-Range`, Rackboot's extension), so a region never adds one twice.

import { type HashedFile, readPiece } from '../terminal/hashed-file.ts';
import type { AskRegion, RegionAnswer } from './region-request.ts';

/** In bytes, as MAAS accepts. */
export const PIECE_BYTES = 4 * 1024 * 1024;

interface SentFile {
  readonly file: HashedFile;
  /** For errors. */
  readonly name: string;
  readonly uri: string;
}

/**
 * @param at where the piece begins
 * @returns the answer, and where the next piece begins
 * @throws RackError as `readPiece` and `ask`
 */
export async function sendPiece(
  ask: AskRegion,
  { file, name, uri }: SentFile,
  at: number,
  pieceBytes = PIECE_BYTES,
): Promise<{ readonly answer: RegionAnswer; readonly next: number }> {
  const next = Math.min(at + pieceBytes, file.bytes);
  const body = { type: 'application/octet-stream', bytes: await readPiece(file, at, next - at, name) };
  const headers = { 'Content-Range': `bytes ${at}-${next - 1}/${file.bytes}` };
  return { answer: await ask({ method: 'PUT', path: uri, body, headers }), next };
}
