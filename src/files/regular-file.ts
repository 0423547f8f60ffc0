// Opens a file that must be a regular one, without waiting: opening a FIFO waits for whoever has its other end, a device may never end,
// and a socket cannot be opened. Sources: open(2) (O_NONBLOCK, ENXIO), fifo(7), inode(7).
//
// 1. What was opened is what is judged: the kind is asked of the descriptor, so nothing can change in between.
// 2. test/tidy.test.ts refuses other ways to open a file of the state or of the configuration.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { osErrorCode } from '../errors.ts';

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

const ACCESS = {
  read: O_RDONLY,
  /** Created when it is missing, and never cut. */
  append: O_WRONLY | O_APPEND | O_CREAT,
  /** Created, or emptied. */
  replace: O_WRONLY | O_CREAT | O_TRUNC,
  change: O_RDWR,
} as const;

/** Something else than a regular file, or one that is too long: the message says what it is, without the path. */
export class UnfitFile extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'UnfitFile';
  }
}

/** What a thing of the file system is called. */
function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a file' : 'a device';
}

const irregular = (stats: Stats): UnfitFile => new UnfitFile(`it is ${kindOf(stats)}, not a file`);

/**
 * Opens a regular file; the caller closes the descriptor.
 * @throws UnfitFile for anything else; what the system reports
 */
export function openRegularFile(path: string, access: keyof typeof ACCESS, mode = 0o600): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, ACCESS[access] | O_NONBLOCK | O_NOCTTY, mode);
  } catch (error) {
    // A socket, a FIFO that nobody reads, a device that is not there, a directory that was to be written.
    const code = osErrorCode(error);
    const stats = code === 'ENXIO' || code === 'EISDIR' ? statSync(path, { throwIfNoEntry: false }) : undefined;
    throw stats === undefined || stats.isFile() ? error : irregular(stats);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw irregular(stats);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Whether something else than a regular file lies there, without opening it. @throws UnfitFile; what the system reports */
export function checkRegularFile(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === false) throw irregular(stats);
}

/**
 * Reads a regular file of no more than `bytesMax` bytes as UTF-8.
 * @throws UnfitFile for anything else; what the system reports
 */
export function readRegularFile(path: string, bytesMax: number): string {
  const descriptor = openRegularFile(path, 'read');
  try {
    if (fstatSync(descriptor).size > bytesMax) throw new UnfitFile(`it is longer than ${bytesMax} bytes`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a file for its owner alone, to be renamed to its name when it is whole; what lay there before is replaced.
 * @throws UnfitFile for anything else than a regular file there; what the system reports
 */
export function writeRegularFile(path: string, text: string, mode = 0o600): void {
  const descriptor = openRegularFile(path, 'replace', mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
