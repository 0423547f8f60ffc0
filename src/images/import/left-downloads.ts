// The files left by unfinished imports: counts the bytes, and removes parts, whole files, the memory of refused ones (refusals.ts), and locks.

import { readdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { tryImport } from '../file-lock.ts';
import { blobPath } from '../image-store.ts';
import { sweepSeen } from './seen-sweep.ts';

const NAME = /^[0-9a-f]{32,128}$/;
/** The size is in the names of parts (part-record.ts). */
const OF_FILE = /^(?<digest>[0-9a-f]{32,128})(?<size>-\d{1,16})?(?<end>\.part|\.refused|\.lock)?$/;
/** The ends of the names of everything that an import keeps of a file, after its digest or its digest and size. The file itself has none. */
const ENDS = ['', '.part', '.part.json', '.part.json.new', '.refused'];

/** The age at which a file without new bytes is removed instead of continued, in milliseconds. */
const LEFT_MS = 14 * 24 * 60 * 60 * 1000;

/**
 * Removes old files that no process is downloading, the locks that killed imports left, and the memory of documents that are no longer read.
 * @returns the freed bytes of files
 */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  await sweepSeen(tree, nowMs);
  const directory = directoryOf(tree);
  let freed = 0;
  for (const file of await readdir(directory).catch(() => [])) {
    const { digest = '', size = '', end } = OF_FILE.exec(file)?.groups ?? {};
    const facts = digest === '' ? undefined : await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true || nowMs - facts.mtimeMs < LEFT_MS) continue;
    // The release of a lock removes its file.
    if (end === '.lock') (await tryImport(join(directory, file)))?.release();
    else if (await removeUnlocked(directory, digest, [`${digest}${size}`])) freed += facts.size;
  }
  return freed;
}

/** Removes all that imports keep of these files, but not of one that a process is importing. @param names their digests */
export async function removeLeft(tree: string, names: readonly string[]): Promise<void> {
  const directory = directoryOf(tree);
  const kept = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => NAME.test(one))) {
    const stems = new Set(
      kept.filter((file) => file.startsWith(name)).map((file) => /^[0-9a-f]+(?:-\d+)?/.exec(file)?.[0] ?? name),
    );
    if (stems.size > 0) await removeUnlocked(directory, name, [...stems]);
  }
}

const directoryOf = (tree: string): string => join(tree, 'images', '.downloads');

/** @param stems the beginnings of the names to remove @returns false if a process is importing the file */
async function removeUnlocked(directory: string, digest: string, stems: readonly string[]): Promise<boolean> {
  const lock = await tryImport(join(directory, `${digest}.lock`));
  if (lock === undefined) return false;
  try {
    for (const stem of stems) for (const end of ENDS) await rm(join(directory, `${stem}${end}`), { force: true });
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
  const kept = namesIn(directory);
  const bytesOf = (digest: string): number => {
    const parts = kept.filter((name) => name.startsWith(digest) && name.endsWith('.part'));
    const paths = [...[digest, ...parts].map((name) => join(directory, name)), join(tree, blobPath(digest, 'file'))];
    return paths.reduce((found, path) => Math.max(found, sizeOf(path)), 0);
  };
  const bytes = [...new Set(digests)].reduce((sum, digest) => sum + bytesOf(digest), 0);
  return Math.min(bytes, total ?? bytes);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** 0: there is no such file. */
const sizeOf = (path: string): number => {
  const found = seenEntry(path);
  return found?.isFile() === true ? found.size : 0;
};
