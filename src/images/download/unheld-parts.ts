// The files that imports keep in a shared directory: their names, and the removal of unused ones.
//
// 1. An import locks its file (held-files.ts), so no other work removes it.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { isHeld } from '../store/held-files.ts';

/** Matches the name of a kept file. The names of parts contain the size (part-file.ts). */
export const KEPT_FILE_NAME =
  /^(?<digest>[0-9a-f]{32,128})(?<size>-\d{1,16})?(?<end>\.part(?:\.json(?:\.new)?)?|\.refused(?:\.new)?|\.lock)?$/;
/**
 * A part without new bytes for this long may be removed to make room for others. Imports are tried
 * again each hour, so it belongs to no active import.
 */
const UNUSED_MS = 24 * 60 * 60 * 1000;
/**
 * The suffixes, after the digest or digest and size, of all files that an import keeps for one
 * download. The downloaded file itself has none.
 */
export const DATA_SUFFIXES = ['', '.part', '.part.json', '.part.json.new', '.lock'];
export const ALL_SUFFIXES = [...DATA_SUFFIXES, '.refused', '.refused.new'];

/**
 * Removes all that an import keeps of a file. @param stems beginnings of the names to remove
 * @returns false if a work needs the file
 * @throws the system's error
 */
export async function removeKeptFile(
  directory: string,
  digest: string,
  stems: readonly string[],
  suffixes: readonly string[],
): Promise<boolean> {
  if (isHeld(join(directory, digest))) return false;
  await removeFiles(directory, stems, suffixes);
  return true;
}

/**
 * Frees `bytes` by removing unused parts without new bytes for UNUSED_MS, the oldest first. Removes
 * nothing if all of them would not be enough, or if the directory is a link, behind which other
 * files may be. A part that cannot be removed stays.
 * @param nowMs wall time
 */
export async function freeUnusedParts(directory: string, bytes: number, nowMs: number): Promise<void> {
  if (statLinkIfVisible(directory)?.isSymbolicLink() !== false) return;
  const isUnused = ({ timeMs, digest }: UnusedPart): boolean =>
    nowMs - timeMs >= UNUSED_MS && !isHeld(join(directory, digest));
  const unused: UnusedPart[] = [];
  let foundBytes = 0;
  for (const part of (await listUnusedParts(directory)).filter(isUnused).toSorted((a, b) => a.timeMs - b.timeMs)) {
    if (foundBytes >= bytes) break;
    unused.push(part);
    foundBytes += part.bytes;
  }
  if (foundBytes < bytes) return;
  for (const { stem } of unused) await removeFiles(directory, [stem], DATA_SUFFIXES).catch(() => undefined);
}

interface UnusedPart {
  readonly digest: string;
  readonly stem: string;
  readonly bytes: number;
  /** The time at which the part got its last byte. */
  readonly timeMs: number;
}

async function listUnusedParts(directory: string): Promise<readonly UnusedPart[]> {
  const parts: UnusedPart[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const { digest = '', size = '', end } = KEPT_FILE_NAME.exec(name)?.groups ?? {};
    if (end !== '.part') continue;
    const stats = await stat(join(directory, name)).catch(() => undefined);
    if (stats !== undefined) parts.push({ digest, stem: `${digest}${size}`, bytes: stats.size, timeMs: stats.mtimeMs });
  }
  return parts;
}

async function removeFiles(directory: string, stems: readonly string[], suffixes: readonly string[]): Promise<void> {
  for (const stem of stems)
    for (const suffix of suffixes) await rm(join(directory, `${stem}${suffix}`), { force: true });
}
