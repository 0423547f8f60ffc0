// Makes directories so that they are still there after the power failed.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { osErrorCode } from '../errors.ts';

/** Creates a directory and those above it with `mode`, and makes that durable; throws what the system reports, or that it is none. */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.push(at);
  // One by one: Node's recursive mkdir never returns from a place such as /proc, where a directory is neither there nor made.
  for (const directory of missing.reverse()) {
    makeDirectory(directory, mode);
    const parent = openSync(dirname(directory), 'r');
    fsyncSync(parent);
    closeSync(parent);
  }
  if (!statSync(path).isDirectory()) throw new Error(`${path} is not a directory`);
}

// Two threads of one start may want the same directory; to the second it is just there.
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (osErrorCode(error) !== 'EEXIST') throw error;
  }
}
