// The files that downloads of imports keep in a shared directory: their names, and the removal of those that no import uses.
//
// 1. An import holds the lock of its file (`DIGEST.lock`), so no other process removes the file.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { type HeldLock, tryImport } from '../file-lock.ts';

/** The size is in the names of parts (part-record.ts). */
export const OF_FILE =
  /^(?<digest>[0-9a-f]{32,128})(?<size>-\d{1,16})?(?<end>\.part(?:\.json(?:\.new)?)?|\.refused(?:\.new)?|\.lock)?$/;
/** A part without new bytes for this long may give its room to other downloads, in milliseconds: imports are tried again each hour. */
const UNUSED_MS = 24 * 60 * 60 * 1000;
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
  const lock = tryImport(join(directory, `${digest}.lock`));
  if (lock === undefined) return false;
  try {
    await removeFiles(directory, stems, ends);
    return true;
  } finally {
    lock.release();
  }
}

/** A part that nobody is downloading, while its lock is held. */
interface UnusedPart {
  readonly stem: string;
  readonly bytes: number;
  readonly lock: HeldLock;
}

/**
 * Frees so many bytes at the expense of parts that have got no byte for UNUSED_MS and that no process is downloading, the oldest first.
 * If all of them are not enough, nothing is removed, nor behind a link, where the files of somebody else are. One that cannot be removed stays.
 * @param nowMs wall time
 */
export async function freeUnlockedParts(directory: string, bytes: number, nowMs: number): Promise<void> {
  if (seenEntry(directory)?.isSymbolicLink() !== false) return;
  const parts = (await listParts(directory)).filter(({ timeMs }) => nowMs - timeMs >= UNUSED_MS);
  const unused: UnusedPart[] = [];
  try {
    let found = 0;
    for (const part of parts.toSorted((one, other) => one.timeMs - other.timeMs)) {
      if (found >= bytes) break;
      let lock: HeldLock | undefined;
      try {
        lock = tryImport(join(directory, `${part.digest}.lock`));
      } catch {
        // It stays, too.
      }
      if (lock === undefined) continue;
      unused.push({ ...part, lock });
      found += part.bytes;
    }
    if (found >= bytes)
      for (const { stem } of unused) await removeFiles(directory, [stem], BYTE_ENDS).catch(() => undefined);
  } finally {
    for (const { lock } of unused) lock.release();
  }
}

interface FoundPart {
  readonly digest: string;
  readonly stem: string;
  readonly bytes: number;
  /** When it got its last byte. */
  readonly timeMs: number;
}

async function listParts(directory: string): Promise<readonly FoundPart[]> {
  const parts: FoundPart[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const { digest = '', size = '', end } = OF_FILE.exec(name)?.groups ?? {};
    if (end !== '.part') continue;
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found !== undefined) parts.push({ digest, stem: `${digest}${size}`, bytes: found.size, timeMs: found.mtimeMs });
  }
  return parts;
}

async function removeFiles(directory: string, stems: readonly string[], ends: readonly string[]): Promise<void> {
  for (const stem of stems) for (const end of ends) await rm(join(directory, `${stem}${end}`), { force: true });
}
