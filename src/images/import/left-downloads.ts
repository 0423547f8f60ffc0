// Removes files left by unfinished imports.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { lockImport } from '../file-lock.ts';

/** The age at which a part without new bytes is removed instead of continued, in milliseconds. */
const LEFT_MS = 14 * 24 * 60 * 60 * 1000;

/** Removes old parts of downloads that no process is fetching. @returns the freed bytes */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  const directory = join(tree, 'images', '.downloads');
  let freed = 0;
  for (const file of await readdir(directory).catch(() => [])) {
    const [, name] = /^([0-9a-f]{32,128})\.part$/.exec(file) ?? [];
    const facts = name === undefined ? undefined : await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true || nowMs - facts.mtimeMs < LEFT_MS) continue;
    freed += await removeUnlocked(join(directory, `${name}`), facts.size);
  }
  return freed;
}

async function removeUnlocked(path: string, bytes: number): Promise<number> {
  try {
    const lock = lockImport(`${path}.lock`, path);
    try {
      for (const end of ['.part', '.part.json', '.part.json.new', '.lock']) await rm(`${path}${end}`, { force: true });
    } finally {
      lock.release();
    }
    return bytes;
  } catch (error) {
    if (error instanceof RackError && error.code === 'already-running') return 0;
    throw error;
  }
}
