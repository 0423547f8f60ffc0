// Opens only regular files, and never waits: a FIFO waits for its other end, reading a device may never end, and a socket cannot be opened.
// Sources: open(2) (O_NONBLOCK, ENXIO), fifo(7), inode(7).
//
// 1. The kind is that of the opened descriptor, so nothing can change in between.
// 2. test/tidy.test.ts refuses other ways to open a file of the state or of the configuration.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { osErrorCode } from '../errors.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

const ACCESS = {
  read: O_RDONLY,
  /** Never truncated. */
  append: O_WRONLY | O_APPEND | O_CREAT,
  change: O_RDWR,
  /** Created; EEXIST if anything has the name, even a link. */
  new: O_WRONLY | O_CREAT | O_EXCL,
} as const;

/** The message says what the file is, without its path. */
export class UnfitFile extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'UnfitFile';
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a file' : 'a device';
}

const irregular = (stats: Stats): UnfitFile => new UnfitFile(`it is ${kindOf(stats)}, not a file`);

/**
 * The caller closes the descriptor.
 * @throws UnfitFile for anything else; the system's error
 */
export function openRegularFile(path: string, access: keyof typeof ACCESS, mode = 0o600): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, ACCESS[access] | O_NONBLOCK | O_NOCTTY, mode);
  } catch (error) {
    // A socket, a FIFO without a reader, an absent device, or a directory to write.
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

/** Without opening. @throws UnfitFile; the system's error */
export function checkRegularFile(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === false) throw irregular(stats);
}

/**
 * Reads at most `bytesMax` bytes.
 * @throws UnfitFile for anything else; the system's error
 */
export function readRegularBytes(path: string, bytesMax: number): Buffer {
  const descriptor = openRegularFile(path, 'read');
  try {
    if (fstatSync(descriptor).size > bytesMax) throw new UnfitFile(`it is longer than ${bytesMax} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Like `readRegularBytes`, as UTF-8. */
export const readRegularFile = (path: string, bytesMax: number): string =>
  readRegularBytes(path, bytesMax).toString('utf8');

/**
 * Readable by its owner only. An existing one, or a link, is removed first: else its mode, or what it names, would remain.
 * @throws UnfitFile if the path holds anything but a regular file; the system's error
 */
export function writeRegularFile(path: string, text: string, mode = 0o600): void {
  checkRegularFile(path);
  rmSync(path, { force: true });
  const descriptor = openRegularFile(path, 'new', mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Does not block the thread; a reader finds the whole old or new content. `fresh` is the name meanwhile, for one writer at a time; `text`
 * is called when it exists. Rejects with UnfitFile if `fresh` is anything but a regular file, or with the system's error.
 */
export async function replaceFile(path: string, fresh: string, text: () => string, mode = 0o600): Promise<void> {
  checkRegularFile(fresh);
  await rm(fresh, { force: true });
  const file = await open(fresh, ACCESS.new, 0o600);
  try {
    await file.writeFile(text());
    // The umask may have taken bits of the mode.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
