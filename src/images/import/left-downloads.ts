// Removes files left by unfinished imports.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryImport } from '../file-lock.ts';

/** The age at which a part without new bytes is removed instead of continued, in milliseconds. */
const LEFT_MS = 14 * 24 * 60 * 60 * 1000;

/** Removes old parts of downloads that no process is fetching, and the locks that killed imports left. @returns the freed bytes */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  const directory = join(tree, 'images', '.downloads');
  let freed = 0;
  for (const file of await readdir(directory).catch(() => [])) {
    const [, name, kind] = /^([0-9a-f]{32,128})\.(part|lock)$/.exec(file) ?? [];
    const facts = name === undefined ? undefined : await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true || nowMs - facts.mtimeMs < LEFT_MS) continue;
    freed += await removeUnlocked(join(directory, `${name}`), kind === 'part', facts.size);
  }
  return freed;
}

/** Removes the lock, whose release removes its file, and the part. */
async function removeUnlocked(path: string, isPart: boolean, bytes: number): Promise<number> {
  const lock = tryImport(`${path}.lock`);
  if (lock === undefined) return 0;
  try {
    if (!isPart) return 0;
    for (const end of ['.part', '.part.json', '.part.json.new']) await rm(`${path}${end}`, { force: true });
  } finally {
    lock.release();
  }
  return bytes;
}
