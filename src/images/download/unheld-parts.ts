// The files that imports keep in a shared directory: their names, and the removal of unused ones.
//
// 1. An import holds its file (held-files.ts), so no other work removes it.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { isHeld } from '../store/held-files.ts';

/** The size is in the names of parts (part-file.ts). */
export const OF_FILE =
  /^(?<digest>[0-9a-f]{32,128})(?<size>-\d{1,16})?(?<end>\.part(?:\.json(?:\.new)?)?|\.refused(?:\.new)?|\.lock)?$/;
/** A part without new bytes for this long may be removed for others: imports are tried again each hour. */
const UNUSED_MS = 24 * 60 * 60 * 1000;
/**
 * The endings, after the digest or digest and size, of all that an import keeps of a file. The file
 * itself has none.
 */
export const BYTE_ENDS = ['', '.part', '.part.json', '.part.json.new', '.lock'];
export const ENDS = [...BYTE_ENDS, '.refused', '.refused.new'];

/**
 * @param stems beginnings of the names to remove @returns false if a work needs the file
 * @throws the system's error
 */
export async function removeUnheld(
  directory: string,
  digest: string,
  stems: readonly string[],
  ends: readonly string[],
): Promise<boolean> {
  if (isHeld(join(directory, digest))) return false;
  await removeFiles(directory, stems, ends);
  return true;
}

/**
 * Frees so many bytes by removing unused parts without new bytes for UNUSED_MS, the oldest first.
 * If all are not enough, nothing is removed, nor behind a link, where other files are. A part that
 * cannot be removed stays.
 * @param nowMs wall time
 */
export async function freeUnheldParts(directory: string, bytes: number, nowMs: number): Promise<void> {
  if (seenEntry(directory)?.isSymbolicLink() !== false) return;
  const isUnused = ({ timeMs, digest }: FoundPart): boolean =>
    nowMs - timeMs >= UNUSED_MS && !isHeld(join(directory, digest));
  const unused: FoundPart[] = [];
  let foundBytes = 0;
  for (const part of (await listParts(directory)).filter(isUnused).toSorted((a, b) => a.timeMs - b.timeMs)) {
    if (foundBytes >= bytes) break;
    unused.push(part);
    foundBytes += part.bytes;
  }
  if (foundBytes < bytes) return;
  for (const { stem } of unused) await removeFiles(directory, [stem], BYTE_ENDS).catch(() => undefined);
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
    const stats = await stat(join(directory, name)).catch(() => undefined);
    if (stats !== undefined) parts.push({ digest, stem: `${digest}${size}`, bytes: stats.size, timeMs: stats.mtimeMs });
  }
  return parts;
}

async function removeFiles(directory: string, stems: readonly string[], ends: readonly string[]): Promise<void> {
  for (const stem of stems) for (const end of ends) await rm(join(directory, `${stem}${end}`), { force: true });
}
