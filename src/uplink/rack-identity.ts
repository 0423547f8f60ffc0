// The identity of this rack: a UUID drawn at its first start, kept forever in `rack.json` in the state directory.
//
// 1. The file is written atomically, and is on disk before the UUID is used.
// 2. A damaged file is refused, never replaced: the region would see a new rack, which an administrator would have to accept.

import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newUuid } from '../clock.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy } from '../files/ownership.ts';
import { readRegularFile, UnfitFile, writeRegularFile } from '../files/regular-file.ts';

const FILE = 'rack.json';
const FILE_BYTES_MAX = 4096;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads the rack's UUID, or draws and stores one if there is none yet.
 * @throws RackError `store-broken` if the file is damaged, `store-unwritable`, `store-unavailable`, `store-newer`
 */
export function readRackUuid(stateDir: string): string {
  const path = join(stateDir, FILE);
  let text: string;
  try {
    text = readRegularFile(path, FILE_BYTES_MAX);
  } catch (cause) {
    if (cause instanceof UnfitFile) throw broken(path, cause);
    if (osErrorCode(cause) !== 'ENOENT') {
      const code = osErrorCode(cause) ?? errorText(cause);
      const text = `${path} cannot be written or read (${code}): ${ownershipRemedy(path, stateDir)}`;
      throw new RackError('store-unwritable', text, { cause });
    }
    const uuid = newUuid();
    writePrivateFile(path, `${JSON.stringify({ schema: 1, uuid })}\n`);
    return uuid;
  }
  return parseIdentity(text, path);
}

/** The error for a path that is not a regular file. */
const broken = (path: string, cause: UnfitFile): RackError =>
  new RackError('store-broken', `${path} is not used: ${cause.message}; move it away, and restore a backup`, {
    cause,
  });

function parseIdentity(text: string, path: string): string {
  const remedy = 'restore a backup; without one move it away, and accept this rack again on its region';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RackError('store-broken', `${path} is not JSON: ${remedy}`, { cause });
  }
  const field = (name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  const schema = field('schema');
  if (typeof schema === 'number' && schema > 1) {
    throw new RackError(
      'store-newer',
      `${path} has schema ${schema}, but this Rackboot reads only schema 1: start the newer Rackboot`,
    );
  }
  const uuid = field('uuid');
  if (schema !== 1 || typeof uuid !== 'string' || !UUID.test(uuid)) {
    throw new RackError('store-broken', `${path} holds no valid rack UUID: ${remedy}`);
  }
  return uuid;
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
