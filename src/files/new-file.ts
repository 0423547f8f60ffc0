// Writes files of the state as new ones, readable by their owner: what a link, or another name,
// leads to keeps its content and its mode.

import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

/** Durable, but its directory is not synced. @throws the system's error */
export function writeNewFile(path: string, text: string, mode = 0o600): void {
  rmSync(path, { force: true });
  const descriptor = openSync(path, 'wx', mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces a file without blocking the thread; a reader finds the whole old or new content. Rejects
 * with the system's error.
 * @param temporaryPath where the new file is written, by one writer at a time
 * @param content called once the new file exists
 */
export async function replaceFile(
  path: string,
  temporaryPath: string,
  content: () => string | Iterable<Uint8Array>,
  mode = 0o600,
): Promise<void> {
  await rm(temporaryPath, { force: true });
  const file = await open(temporaryPath, 'wx', 0o600);
  try {
    await file.writeFile(content());
    // The umask may have taken bits of the mode.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporaryPath, path);
}
