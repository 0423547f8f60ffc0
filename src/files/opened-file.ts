// The port through which TFTP and HTTP read files of the boot tree.
//
// 1. `open` never opens a file outside the tree, whatever the path and the links in the tree.
// 2. Concurrent readers of one file share its slices: two hundred machines that load one kernel read it once.

import type { FileSource } from './file-source.ts';

/** A file that is open for reading. */
export interface OpenedFile {
  /** For another thread: the open file, valid until `close`, or all bytes of one in memory. */
  readonly source: FileSource | Uint8Array;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
  /** A validator for HTTP, with its quotes; it changes whenever size or modification time changes. */
  readonly etag: string;
  /**
   * `length` bytes at `offset`, fewer at the end of the file. Synchronous if they are in memory.
   * The view may be shared: do not write to it. It is valid until `close`.
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** @param isDoubtful a read failed, so the next opening asks the disk again */
  close(isDoubtful?: boolean): void;
}

/** Opens files of one tree. */
export interface FileTree {
  /**
   * Opens a regular file by its relative path (`/` between names, no empty name, no `.` or `..`);
   * `undefined` if there is no such readable file. Other failures reject with the operating
   * system's error.
   */
  open(path: string): Promise<OpenedFile | undefined>;
  /**
   * The paths of its files that are this one, or differ from it in upper and lower case only;
   * `undefined` if the tree has no index.
   */
  findAlike?(path: string): readonly string[];
}
