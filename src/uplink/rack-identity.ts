// The identity of this rack: a UUID drawn at its first start, kept forever in `rack.json` in the
// state directory, written atomically and on disk before it is used.

import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeNewFile } from '../files/new-file.ts';
import { composeOwnershipRemedy } from '../files/ownership.ts';
import { readStateText } from '../files/regular-file.ts';
import { newUuid, UUID_PATTERN } from '../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { parseJson } from '../ground/fields.ts';

const FILE = 'rack.json';

/**
 * Reads the rack's UUID, or draws and stores one if there is none.
 * @throws RackError `store-broken` for a file without one, `store-unwritable`, `store-unavailable`,
 * `store-newer`
 */
export function readRackUuid(stateDir: string): string {
  const path = join(stateDir, FILE);
  let text: string;
  try {
    text = readStateText(path);
  } catch (cause) {
    if (osErrorCode(cause) !== 'ENOENT') {
      const code = osErrorCode(cause) ?? errorText(cause);
      const problem = `${path} cannot be read (${code}): ${composeOwnershipRemedy(path, stateDir)}`;
      throw new RackError('store-unwritable', problem, { cause });
    }
    const uuid = newUuid();
    writePrivateFile(path, `${JSON.stringify({ schema: 1, uuid })}\n`);
    return uuid;
  }
  return parseIdentity(text, path);
}

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
  if (typeof uuid === 'string' && UUID_PATTERN.test(uuid)) return uuid;
  throw new RackError('store-broken', `${path} names no rack: restore a backup, or move it away to be a new rack`);
}

/**
 * Writes a small file atomically and durably, readable by its owner only.
 * @throws RackError `store-unwritable`; `store-unavailable` if the disk is full
 */
export function writePrivateFile(path: string, text: string): void {
  const partPath = `${path}.part`;
  try {
    writeNewFile(partPath, text);
    renameSync(partPath, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOSPC') {
      const text = `${path} cannot be written: the disk is full; make room and start again`;
      throw new RackError('store-unavailable', text, { cause });
    }
    throw new RackError(
      'store-unwritable',
      `${path} cannot be written (${osErrorCode(cause) ?? errorText(cause)}): ${composeOwnershipRemedy(path, dirname(path))}`,
      { cause },
    );
  }
}
