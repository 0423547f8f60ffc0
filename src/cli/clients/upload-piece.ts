// An upload that a region has begun: where it continues, and how it gets the next piece.
//
// Source: the maas command line: PUTs of 4 MiB.
//
// 1. Only the piece is in memory.
// 2. Each piece names its position in the file (`Content-Range`, Rackboot's extension), so a region
//    never adds a piece twice.

import { z } from 'zod';
import { type HashedFile, readPiece } from '../terminal/hashed-file.ts';
import type { RegionAnswer, RegionClient } from './region-request.ts';

/** The size of a piece in bytes, as MAAS accepts it. */
export const PIECE_BYTES = 4 * 1024 * 1024;

const fileShape = z.looseObject({
  size: z.number(),
  sha256: z.string(),
  complete: z.boolean(),
  received: z.int().min(0).optional(),
  upload_uri: z.string().startsWith('/MAAS/').optional(),
});
/** The files of a boot resource, by version and name. */
export const setsShape = z.record(z.string(), z.looseObject({ files: z.record(z.string(), fileShape) }));

interface BegunUpload {
  /** The URI for the next piece; empty if the region expects none. */
  readonly uri: string;
  readonly received: number;
}

/**
 * Finds the upload of a file; undefined if none has begun. MAAS does not say how many bytes it has,
 * so the upload starts at the first byte.
 */
export function findUpload(sets: z.output<typeof setsShape>, { bytes, sha256 }: HashedFile): BegunUpload | undefined {
  const files = Object.values(sets).flatMap((set) => Object.values(set.files));
  const begun = files.find((file) => !file.complete && file.size === bytes && file.sha256 === sha256);
  if (begun === undefined) return undefined;
  const { upload_uri: uri = '', received = 0 } = begun;
  return { uri, received: uri === '' ? bytes : received };
}

interface SentFile {
  readonly file: HashedFile;
  /** The file's name in errors. */
  readonly name: string;
  readonly uri: string;
}

/**
 * @param offset where the piece begins in the file
 * @returns the answer, and where the next piece begins
 * @throws RackError as `readPiece` and `ask`
 */
export async function sendPiece(
  ask: RegionClient,
  { file, name, uri }: SentFile,
  offset: number,
  pieceBytes = PIECE_BYTES,
): Promise<{ readonly answer: RegionAnswer; readonly next: number }> {
  const next = Math.min(offset + pieceBytes, file.bytes);
  const body = { type: 'application/octet-stream', bytes: await readPiece(file, offset, next - offset, name) };
  const headers = { 'Content-Range': `bytes ${offset}-${next - 1}/${file.bytes}` };
  return { answer: await ask({ method: 'PUT', path: uri, body, headers }), next };
}
