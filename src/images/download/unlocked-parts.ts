// The files that downloads of imports keep in a shared directory: their names, and the removal of those that no import uses.
//
// 1. An import holds the lock of its file (`DIGEST.lock`), so no other process removes the file.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryImport } from '../file-lock.ts';

/** The size is in the names of parts (part-record.ts). */
export const OF_FILE =
  /^(?<digest>[0-9a-f]{32,128})(?<size>-\d{1,16})?(?<end>\.part(?:\.json(?:\.new)?)?|\.refused(?:\.new)?|\.lock)?$/;
/** The ends of the names of everything that an import keeps of a file, after its digest or its digest and size. The file itself has none. */
export const BYTE_ENDS = ['', '.part', '.part.json', '.part.json.new'];
export const ENDS = [...BYTE_ENDS, '.refused', '.refused.new'];

/**
 * Removes what imports keep of a file.
 * @param stems the beginnings of the names to remove @returns false if a process is importing the file
 * @throws RackError as `tryImport`, and the system's error
 */
export async function removeUnlocked(
  directory: string,
  digest: string,
  stems: readonly string[],
  ends: readonly string[],
): Promise<boolean> {
  const lock = await tryImport(join(directory, `${digest}.lock`));
  if (lock === undefined) return false;
  try {
    for (const stem of stems) for (const end of ends) await rm(join(directory, `${stem}${end}`), { force: true });
    return true;
  } finally {
    lock.release();
  }
}

/** Removes parts that no process is downloading, the oldest first, until so many bytes are free. One that cannot be removed stays. */
export async function freeUnlockedParts(directory: string, bytes: number): Promise<void> {
  const parts: { readonly digest: string; readonly stem: string; readonly bytes: number; readonly timeMs: number }[] =
    [];
  for (const name of await readdir(directory).catch(() => [])) {
    const { digest = '', size = '', end } = OF_FILE.exec(name)?.groups ?? {};
    if (end !== '.part') continue;
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found !== undefined) parts.push({ digest, stem: `${digest}${size}`, bytes: found.size, timeMs: found.mtimeMs });
  }
  let freed = 0;
  for (const part of parts.toSorted((one, other) => one.timeMs - other.timeMs)) {
    if (freed >= bytes) return;
    const isRemoved = await removeUnlocked(directory, part.digest, [part.stem], BYTE_ENDS).catch(() => false);
    if (isRemoved) freed += part.bytes;
  }
}
