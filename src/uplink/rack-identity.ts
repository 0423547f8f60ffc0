// The identity of this rack: a UUID drawn at its first start, kept forever in `rack.json` in the state directory, and in a copy beside it.
//
// 1. Each file is written atomically, and is on disk before the UUID is used.
// 2. A file that does not hold a UUID (after a power cut on a disk that lied, or a full one) counts as absent, and is reported: the copy
//    replaces it. If neither holds one, the rack draws a new one and goes on: it serves from its disk, and the region sees a new rack.

import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newUuid } from '../clock.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { parseJson } from '../fields.ts';
import { ownershipRemedy } from '../files/ownership.ts';
import { readRegularFile, UnfitFile, writeRegularFile } from '../files/regular-file.ts';
import type { RackNote } from '../region/reports/notes.ts';

const FILES = ['rack.json', 'rack.json.copy'] as const;
const FILE_BYTES_MAX = 4096;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads the rack's UUID, or draws and stores one if there is none.
 * @param onProblem called for a file that holds none
 * @throws RackError `store-broken` for a path that is no file, `store-unwritable`, `store-unavailable`, `store-newer`
 */
export function readRackUuid(stateDir: string, onProblem: (note: RackNote) => void = () => undefined): string {
  const paths = FILES.map((name) => join(stateDir, name));
  const found = paths.map((path) => readIdentity(path, stateDir));
  const uuid = found.find((one) => one !== undefined && one !== 'damaged') ?? newUuid();
  for (const [index, path] of paths.entries()) {
    const one = found[index];
    if (one === uuid) continue;
    if (one === 'damaged') {
      onProblem({ note: found.includes(uuid) ? 'identity-restored' : 'identity-lost', file: path, rack: uuid });
    }
    writePrivateFile(path, `${JSON.stringify({ schema: 1, uuid })}\n`);
  }
  return uuid;
}

/** The UUID in a file; `undefined`: there is no file. */
function readIdentity(path: string, stateDir: string): string | 'damaged' | undefined {
  try {
    return parseIdentity(readRegularFile(path, FILE_BYTES_MAX), path);
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    if (cause instanceof UnfitFile) throw broken(path, cause);
    if (osErrorCode(cause) === 'ENOENT') return undefined;
    const code = osErrorCode(cause) ?? errorText(cause);
    const text = `${path} cannot be written or read (${code}): ${ownershipRemedy(path, stateDir)}`;
    throw new RackError('store-unwritable', text, { cause });
  }
}

const broken = (path: string, cause: UnfitFile): RackError =>
  new RackError('store-broken', `${path} is not used: ${cause.message}; move it away, and restore a backup`, {
    cause,
  });

function parseIdentity(text: string, path: string): string {
  const value = parseJson(text);
  const field = (name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  const [schema, uuid] = [field('schema'), field('uuid')];
  if (typeof schema === 'number' && schema > 1) {
    throw new RackError(
      'store-newer',
      `${path} has schema ${schema}, but this Rackboot reads only schema 1: start the newer Rackboot`,
    );
  }
  return schema === 1 && typeof uuid === 'string' && UUID.test(uuid) ? uuid : 'damaged';
}

/**
 * Writes a small file atomically and durably, readable by its owner only.
 * @throws RackError `store-unwritable`; `store-unavailable` if the disk is full
 */
export function writePrivateFile(path: string, text: string): void {
  const part = `${path}.part`;
  try {
    writeRegularFile(part, text);
    renameSync(part, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch (cause) {
    if (cause instanceof UnfitFile)
      throw new RackError('store-unwritable', `${part} cannot be written: ${cause.message}; move it away`, { cause });
    if (osErrorCode(cause) === 'ENOSPC') {
      const text = `${path} cannot be written: the disk is full; make room and start again`;
      throw new RackError('store-unavailable', text, { cause });
    }
    throw new RackError(
      'store-unwritable',
      `${path} cannot be written (${osErrorCode(cause) ?? errorText(cause)}): ${ownershipRemedy(path, dirname(path))}`,
      { cause },
    );
  }
}
