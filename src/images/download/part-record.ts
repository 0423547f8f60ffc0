// The record of a part. It identifies the file, so that a later process can continue the download.
//
//   NAME-BYTES.part         the first bytes of the file; NAME.part if its size is unknown
//   NAME-BYTES.part.json    the record; `.new` while it is written
//
// 1. A record is written whole or not at all, and before the first byte of its part.
// 2. After `kill -9` all written bytes are in the file, so the length of the part counts. After a crash of the host the disk may hold zeroes
//    instead, so only the bytes count that were on disk when the record was written (`syncedBytes`). The boot id distinguishes the cases.
// 3. A part is continued only if the request names the same digest and size.
// 4. The size is in the name, so that a source that states another one for the digest of another source's file does not get that one's part.
//    A part under the name that earlier versions used, without a size, is taken over if it belongs to this file.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { parseJson } from '../../fields.ts';
import { readRegularFile, replaceFile, UnfitFile } from '../../files/regular-file.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { syncDirectory } from '../publication.ts';
import type { KeptFile, Validator } from './range-answer.ts';
import type { DownloadRequest } from './request.ts';

const RECORD_BYTES_MAX = 16 * 1024;

/** The record of a part. */
export interface PartRecord {
  readonly file: KeptFile;
  /** The URL as configured. */
  readonly source: string;
  readonly bootId: string;
  readonly syncedBytes: number;
}

export const partPath = ({ directory, name, bytes }: DownloadRequest): string =>
  join(directory, `${name}${bytes === undefined ? '' : `-${bytes}`}.part`);
export const recordPath = (request: DownloadRequest): string => `${partPath(request)}.json`;

/** Every file of a part. */
export const partFiles = (request: DownloadRequest): readonly [part: string, record: string, fresh: string] => [
  partPath(request),
  recordPath(request),
  `${recordPath(request)}.new`,
];

/** Identifies the wanted file. */
const wantedOf = ({ bytes, digest }: DownloadRequest): string =>
  `${bytes ?? ''} ${digest === undefined ? '' : `${digest.algorithm}:${digest.hex}`}`;

/** Writes the record. Rejects with UnfitFile if something else has its place, or the system's error. */
export async function writeRecord(request: DownloadRequest, record: PartRecord): Promise<void> {
  const text = JSON.stringify({ schema: 1, wanted: wantedOf(request), ...record }, undefined, 2);
  const [, path, fresh] = partFiles(request);
  // A fixed name is safe because only one process writes here.
  await replaceFile(path, fresh, () => `${text}\n`, 0o644);
  await syncDirectory(request.directory);
}

/** Takes over the part of this file that an earlier version left. Rejects with the system's error. */
export async function adoptOldPart(request: DownloadRequest): Promise<void> {
  const old = { ...request, bytes: undefined };
  if (request.bytes === undefined || seenEntry(partPath(request)) !== undefined) return;
  if (readRecordAt(recordPath(old), wantedOf(request)) === undefined) return;
  await rename(recordPath(old), recordPath(request));
  await rename(partPath(old), partPath(request)).catch((error: unknown) => {
    if (osErrorCode(error) !== 'ENOENT') throw error;
  });
}

/** Reads the record. @returns undefined if there is none for this file. @throws the system's error */
export const readRecord = (request: DownloadRequest): PartRecord | undefined =>
  readRecordAt(recordPath(request), wantedOf(request));

function readRecordAt(path: string, wanted: string): PartRecord | undefined {
  let text: string;
  try {
    text = readRegularFile(path, RECORD_BYTES_MAX);
  } catch (error) {
    if (error instanceof UnfitFile || osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return decodeRecord(text, wanted);
}

function decodeRecord(text: string, wanted: string): PartRecord | undefined {
  const record = fieldsOf(parseJson(text));
  const file = fieldsOf(record.get('file'));
  if (record.get('schema') !== 1 || record.get('wanted') !== wanted) return undefined;
  const [place, total] = [file.get('place'), file.get('total')];
  const [source, bootId, syncedBytes] = [record.get('source'), record.get('bootId'), record.get('syncedBytes')];
  if (typeof place !== 'string' || typeof source !== 'string' || typeof bootId !== 'string') return undefined;
  if (!isCount(syncedBytes) || (total !== undefined && !isCount(total))) return undefined;
  const validator = decodeValidator(fieldsOf(file.get('validator')));
  return { file: { place, validator, total }, source, bootId, syncedBytes };
}

function decodeValidator(fields: ReadonlyMap<string, unknown>): Validator | undefined {
  const [kind, value] = [fields.get('kind'), fields.get('value')];
  return (kind === 'etag' || kind === 'date') && typeof value === 'string' ? { kind, value } : undefined;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const fieldsOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
