// Reads a file named on the command line. It may be a pipe (`<(command)`) or /dev/stdin.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { fileFault } from '../../files/read-fault.ts';

/** @throws RackError as `fileFault`: with the path, the reason and the remedy */
export function readGivenFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileFault(path, cause);
  }
}

/** Checks that this user can read a file, on behalf of the program that will read it. @throws RackError as `fileFault` */
export function checkGivenFile(path: string): void {
  try {
    const file = openSync(path, 'r');
    const isDirectory = fstatSync(file).isDirectory();
    closeSync(file);
    if (isDirectory) throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR' });
  } catch (cause) {
    throw fileFault(path, cause);
  }
}
