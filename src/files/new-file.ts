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
 * Does not block the thread; a reader finds the whole old or new content. `fresh` is the name
 * meanwhile, for one writer at a time; `content` is called when it exists. Rejects with the
 * system's error.
 */
export async function replaceFile(
  path: string,
  fresh: string,
  content: () => string | Iterable<Uint8Array>,
  mode = 0o600,
): Promise<void> {
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(content());
    // The umask may have taken bits of the mode.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
