// The files left by unfinished imports: counts the bytes, and removes parts, whole files, the memory of refused ones (refusals.ts), and locks.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { tryImport } from '../file-lock.ts';
import { blobPath } from '../image-store.ts';

const NAME = /^[0-9a-f]{32,128}$/;
/** The ends of the names of everything that an import keeps of a file. The file itself has none. */
const ENDS = ['', '.part', '.part.json', '.part.json.new', '.refused'];

/** The age at which a file without new bytes is removed instead of continued, in milliseconds. */
const LEFT_MS = 14 * 24 * 60 * 60 * 1000;

/** Removes old files that no process is downloading, and the locks that killed imports left. @returns the freed bytes */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  const directory = directoryOf(tree);
  let freed = 0;
  for (const file of await readdir(directory).catch(() => [])) {
    const [, name = '', end = ''] = /^([0-9a-f]{32,128})(\.part|\.refused|\.lock)?$/.exec(file) ?? [];
    const facts = name === '' ? undefined : await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true || nowMs - facts.mtimeMs < LEFT_MS) continue;
    // The release of a lock removes its file.
    if (end === '.lock') (await tryImport(join(directory, file)))?.release();
    else if (await removeUnlocked(join(directory, name))) freed += facts.size;
  }
  return freed;
}

/** Removes all that imports keep of these files, but not of one that a process is importing. @param names their digests */
export async function removeLeft(tree: string, names: readonly string[]): Promise<void> {
  const kept = new Set(await readdir(directoryOf(tree)).catch(() => []));
  for (const name of names) {
    if (NAME.test(name) && ENDS.some((end) => kept.has(`${name}${end}`))) {
      await removeUnlocked(join(directoryOf(tree), name));
    }
  }
}

const directoryOf = (tree: string): string => join(tree, 'images', '.downloads');

/** @returns false if a process is importing the file */
async function removeUnlocked(path: string): Promise<boolean> {
  const lock = await tryImport(`${path}.lock`);
  if (lock === undefined) return false;
  try {
    for (const end of ENDS) await rm(`${path}${end}`, { force: true });
    return true;
  } finally {
    lock.release();
  }
}

/**
 * The bytes of these files that are on this host, downloaded by an earlier import or, for a file of a system, in the store.
 * @param total the bytes of all of them; undefined: unknown
 */
export function arrivedBytes(tree: string, digests: readonly string[], total: number | undefined): number {
  const directory = directoryOf(tree);
  const bytesOf = (digest: string): number =>
    [join(directory, digest), join(directory, `${digest}.part`), join(tree, blobPath(digest, 'file'))].reduce(
      (found, path) => Math.max(found, sizeOf(path)),
      0,
    );
  const bytes = [...new Set(digests)].reduce((sum, digest) => sum + bytesOf(digest), 0);
  return Math.min(bytes, total ?? bytes);
}

/** 0: there is no such file. */
const sizeOf = (path: string): number => {
  const found = seenEntry(path);
  return found?.isFile() === true ? found.size : 0;
};
