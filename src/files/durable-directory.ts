// Creates directories that survive a power failure.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { osErrorCode } from '../ground/errors.ts';

/**
 * Creates a directory and its parents with `mode`, durably. Throws the system's error, or an Error
 * if the path is not a directory.
 */
export function makeDirectories(path: string, mode: number): void {
  const missingDirectories: string[] = [];
  for (
    let ancestor = resolve(path);
    !existsSync(ancestor) && ancestor !== dirname(ancestor);
    ancestor = dirname(ancestor)
  )
    missingDirectories.push(ancestor);
  // Create them one by one: Node's recursive mkdir never returns under a path such as /proc, where
  // a directory neither exists nor can be created.
  for (const directory of missingDirectories.reverse()) {
    makeDirectory(directory, mode);
    syncPath(dirname(directory));
  }
  if (!statSync(path).isDirectory()) throw new Error(`${path} is not a directory`);
}

/** Waits until a file or a directory that exists is on the disk. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

// Two threads may create the same directory at start; for the second one it already exists.
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (osErrorCode(error) !== 'EEXIST') throw error;
  }
}
