// The port to the store of users' files, in which Juju keeps its state (`store/operations/region-files.ts`).
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A file is deleted with its user's account.

/** Files of one user. */
export const FILES_PER_USER_MAX = 500;
/** Bytes of one file. */
export const FILE_BYTES_MAX = 2 * 1024 * 1024;
/** Bytes of all files of one user together. */
export const FILE_BYTES_PER_USER_MAX = 64 * 1024 * 1024;

/** A file without its content. */
export interface FileInfo {
  readonly name: string;
  /** Anyone who has it may read the file. */
  readonly key: string;
}

export interface StoredFile extends FileInfo {
  readonly content: Uint8Array;
}

export interface FileStore {
  /**
   * A file of the same name gets the new content and keeps its key. `limit`: the user has reached a
   * bound.
   */
  put(username: string, file: StoredFile, atMs: number): Promise<FileInfo | 'no-user' | 'limit'>;
  find(username: string, name: string): Promise<StoredFile | undefined>;
  findByKey(key: string): Promise<StoredFile | undefined>;
  /** Lists the files in the order of their names. */
  list(username: string): Promise<readonly FileInfo[]>;
  /** @returns false if the user has no such file */
  remove(username: string, name: string): Promise<boolean>;
}
