// The port through which TFTP and HTTP read files of the boot tree.
//
// 1. `open` reads no file outside the tree, whatever the path says and whatever links the tree holds.
// 2. Readers of one file at the same time share its slices: two hundred machines that load one kernel read it once.

/** A file that is open for reading. */
export interface OpenedFile {
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
  /** A validator for HTTP, changed whenever size or modification time changes; with its quotes. */
  readonly etag: string;
  /**
   * `length` bytes at `offset`, fewer at the end of the file. Returns at once when they are in memory, else when they are read.
   * The view may be shared: never written, and valid until `close`.
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(): void;
}

/** Opens files of one tree. */
export interface FileTree {
  /**
   * Opens a regular file by its relative path (`/` between names, no empty name, no `.` or `..`); undefined when there is none
   * that may be read. Other failures of the file system reject with their operating-system error.
   */
  open(path: string): Promise<OpenedFile | undefined>;
}
