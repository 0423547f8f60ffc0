// The boot tree on disk. It never opens a file outside the tree.
// Sources: open(2) (O_NOFOLLOW, O_NONBLOCK), proc(5) (/proc/self/fd), docs/architecture.md ("The map of rooms").
//
// 1. A path is names joined by `/`. Empty and hidden names, `.` and `..` count as missing, and so do targets of links to outside the tree.
//    Links that end inside it are followed.
// 2. Only regular files are opened. Opening never waits for the other end of a FIFO and never touches a device.
// 3. The path is resolved, checked, and opened without following a final link. The opened file's real path is checked again where the
//    system reports it, so replacing a directory with a link in between gains nothing.
// 4. Readers of one file share a descriptor and slices. A changed inode, size or time is another file for later readers.

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { BoundedMap } from '../bounded-map.ts';
import { osErrorCode, RackError } from '../errors.ts';
import type { FileTree, OpenedFile } from './opened-file.ts';
import { SharedFile } from './shared-file.ts';
import { SLICE_CACHE_BYTES_MAX, SliceCache } from './slice-cache.ts';
import { TreeIndex, walkTree } from './tree-index.ts';

/** The longest path that is looked up, in characters. */
export const PATH_CHARACTERS_MAX = 1024;
/**
 * The most files open at once; one more is refused. There are fewer transfers and responses, which are shared out fairly. A file closes
 * with its last reader, or a little later (FILES_KEPT_MAX).
 */
export const FILES_OPEN_MAX = 8192;
/** Beyond this many open files, unread ones are closed, the one unread longest first. No client notices: it is opened again. */
export const FILES_KEPT_MAX = 256;
/** Paths whose file is remembered; the one opened longest ago is forgotten first. */
const PATHS_KNOWN_MAX = 1024;
/**
 * The most callers that wait for look-ups at once; one more is refused. Those that give up while the file system does not answer leave
 * their callers behind, so clients can then fill it. It empties as the file system answers.
 */
export const LOOKUPS_WAITING_MAX: number = FILES_OPEN_MAX;

/** File system errors that mean that there is no such readable file. */
const ABSENT: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EACCES',
  'EPERM',
  'ENXIO',
  'EINVAL',
]);

/** The real directory behind a tree's path. */
export interface TreeRoot {
  /** Its path with every link resolved. */
  readonly real: string;
  /** Differs for another path, and for another directory at the same path. */
  readonly identity: string;
}

interface Lookup {
  /** Waiting callers; each gets its reader when the look-up ends. */
  waiting: number;
  readonly found: Promise<SharedFile | undefined>;
}

/** The names of a relative path; undefined if the tree cannot hold such a path. */
export function splitPath(path: string): readonly string[] | undefined {
  if (path.length > PATH_CHARACTERS_MAX || path.includes('\0')) return undefined;
  const names = path.split('/');
  return names.every((name) => name !== '' && !name.startsWith('.')) ? names : undefined;
}

/** The files of one directory tree, with an index. */
export class BootTree implements FileTree {
  readonly directory: string;
  /** The tree's directory with every link resolved: by `refresh`, and again if a path seems to lead outside. */
  #root: string;
  readonly #slices: SliceCache;
  readonly #lookups = new Map<string, Lookup>();
  #waiting = 0;
  /** By real path, least recently opened first. */
  readonly #files = new Map<string, SharedFile>();
  /** The last known real path of each path. */
  readonly #reals = new BoundedMap<string, string>(PATHS_KNOWN_MAX, 'used longest ago');
  /** Files that were replaced on disk and still have readers. */
  #formerFiles = 0;
  #index = new TreeIndex();
  /** The directory that the last `refresh` read. */
  #walked: TreeRoot | undefined;
  #refreshing: Promise<void> | undefined;

  private constructor(directory: string, cacheBytesMax: number) {
    this.directory = directory;
    this.#root = directory;
    this.#slices = new SliceCache(cacheBytesMax);
  }

  /**
   * Opens a tree and reads its index.
   * @param cacheBytesMax bound of the slices kept in memory
   * @throws RackError `tree-unreadable` when the directory cannot be read.
   */
  static async open(directory: string, cacheBytesMax: number = SLICE_CACHE_BYTES_MAX): Promise<BootTree> {
    const tree = BootTree.unread(directory, cacheBytesMax);
    await tree.refresh();
    return tree;
  }

  /** A tree without an index before `refresh`; its files can already be opened. */
  static unread(directory: string, cacheBytesMax: number = SLICE_CACHE_BYTES_MAX): BootTree {
    return new BootTree(directory, cacheBytesMax);
  }

  async open(path: string): Promise<OpenedFile | undefined> {
    if (splitPath(path) === undefined) return undefined;
    if (this.#waiting >= LOOKUPS_WAITING_MAX) {
      throw new RackError(
        'tree-unreadable',
        `${LOOKUPS_WAITING_MAX} callers already wait for files of ${this.directory}: its file system may not answer`,
      );
    }
    const pending = this.#lookups.get(path) ?? this.#startLookup(path);
    pending.waiting += 1;
    this.#waiting += 1;
    const file = await pending.found;
    return file?.reader();
  }

  /** The number of entries that the last `refresh` read. */
  get entries(): number {
    return this.#index.entries;
  }

  get depth(): number {
    return this.#index.depth;
  }

  /** The directory that the last `refresh` read; undefined before. */
  get walked(): TreeRoot | undefined {
    return this.#walked;
  }

  /** True if `directory` leads elsewhere than at the last `refresh`: a link was switched, or a directory replaced. */
  async hasMoved(): Promise<boolean> {
    const root = await findRoot(this.directory).catch(() => undefined);
    return root === undefined || root.identity !== this.#walked?.identity;
  }

  /** True if the index holds this relative path as a file. Synchronous; as current as the last `refresh`. */
  hasFile(path: string): boolean {
    return this.#index.hasFile(path);
  }

  /** The relative path of a file of the index without links to directories; undefined if it holds no such file. */
  realOf(path: string): string | undefined {
    return this.#index.realOf(path);
  }

  /**
   * Walks the tree and replaces the index; callers at the same time share one walk.
   * @throws RackError `tree-unreadable`; the previous index stays.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#walk().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Closes every unread file; the others close with their last reader. */
  close(): void {
    for (const [real, file] of this.#files) this.#forget(real, file);
  }

  counters(): {
    readonly filesOpen: number;
    readonly cachedBytes: number;
    readonly slicesRead: number;
    readonly sliceHits: number;
  } {
    return { filesOpen: this.#files.size + this.#formerFiles, ...this.#slices.counters() };
  }

  async #walk(): Promise<void> {
    const root = await resolveRoot(this.directory);
    this.#index = await walkTree(root.real);
    this.#root = root.real;
    this.#walked = root;
  }

  #startLookup(path: string): Lookup {
    const lookup: Lookup = { waiting: 0, found: this.#find(path) };
    this.#lookups.set(path, lookup);
    return lookup;
  }

  /** When the look-up ends, the file is reserved for every waiting caller, so it stays open until they take their readers. */
  async #find(path: string): Promise<SharedFile | undefined> {
    let file: SharedFile | undefined;
    try {
      file = await this.#openContained(path);
    } catch (error) {
      if (!ABSENT.has(osErrorCode(error) ?? '')) throw error;
    } finally {
      const waiting = this.#lookups.get(path)?.waiting ?? 0;
      this.#lookups.delete(path);
      this.#waiting -= waiting;
      file?.reserve(waiting);
      file?.unreserve();
    }
    return file;
  }

  /** The file with one reservation, which the caller must return. */
  async #openContained(path: string): Promise<SharedFile | undefined> {
    const before = this.#reals.get(path);
    if (before !== undefined) {
      // If this is the same file, unchanged, it is known to lie inside: one system call instead of two.
      const same = this.#reuse(before, await stat(`${this.directory}${sep}${path}`));
      if (same !== undefined) return same;
    }
    const real = await this.#resolve(path);
    if (real === undefined) return undefined;
    const seen = await stat(real);
    if (!seen.isFile()) return undefined;
    const file = this.#reuse(real, seen) ?? (await this.#openReal(real));
    if (file !== undefined) this.#reals.set(path, real);
    return file;
  }

  /** The file that is open as `real`, with one reservation, if it matches `seen`. */
  #reuse(real: string, seen: Stats): SharedFile | undefined {
    const known = this.#files.get(real);
    if (known?.isSame(seen) !== true) return undefined;
    this.#files.delete(real);
    this.#files.set(real, known);
    known.reserve(1);
    return known;
  }

  async #openReal(real: string): Promise<SharedFile | undefined> {
    // O_NONBLOCK: a file that was replaced by a FIFO after `stat` must not block a thread.
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const opened = await handle.stat();
      if (!opened.isFile() || !(await this.#isContained(handle))) {
        await handle.close();
        return undefined;
      }
      const file = this.#keep(real, handle, opened);
      file.reserve(1);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The real path of a relative path; undefined if it lies outside the tree. */
  async #resolve(path: string): Promise<string | undefined> {
    const real = await realpath(`${this.directory}${sep}${path}`);
    if (real.startsWith(this.#root + sep)) return real;
    // The tree's directory may itself be a link that was switched to another tree.
    this.#root = (await resolveRoot(this.directory)).real;
    return real.startsWith(this.#root + sep) ? real : undefined;
  }

  async #isContained(handle: FileHandle): Promise<boolean> {
    if (process.platform !== 'linux') return true;
    return (await readlink(`/proc/self/fd/${handle.fd}`)).startsWith(this.#root + sep);
  }

  #keep(real: string, handle: FileHandle, seen: Stats): SharedFile {
    const raced = this.#files.get(real);
    if (raced?.isSame(seen)) {
      // Two names of one file were looked up at once: the first descriptor serves both.
      void handle.close().catch(() => undefined);
      return raced;
    }
    if (raced !== undefined) this.#forget(real, raced);
    this.#closeIdle();
    if (this.#files.size + this.#formerFiles >= FILES_OPEN_MAX) {
      throw new RackError(
        'tree-unreadable',
        `${FILES_OPEN_MAX} different files of ${this.directory} are in use: ${real} must wait`,
      );
    }
    const file = new SharedFile(handle, real, seen, this.#slices);
    this.#files.set(real, file);
    return file;
  }

  #forget(real: string, file: SharedFile): void {
    this.#files.delete(real);
    if (file.idle) {
      file.retire();
      return;
    }
    this.#formerFiles += 1;
    file.retire(() => {
      this.#formerFiles -= 1;
    });
  }

  /** Makes room for one more file by closing those unread for longest. */
  #closeIdle(): void {
    for (const [real, file] of this.#files) {
      if (this.#files.size + this.#formerFiles < FILES_KEPT_MAX) return;
      if (file.idle) this.#forget(real, file);
    }
  }
}

/** @throws RackError `tree-unreadable` */
async function resolveRoot(directory: string): Promise<TreeRoot> {
  try {
    const root = await findRoot(directory);
    if (root !== undefined) return root;
  } catch (cause) {
    throw new RackError(
      'tree-unreadable',
      `boot.tree ${directory} cannot be read (${osErrorCode(cause) ?? 'unknown'}): create it, or let the user that runs Rackboot read it`,
      { cause },
    );
  }
  throw new RackError('tree-unreadable', `boot.tree ${directory} is not a directory: name the boot tree's directory`);
}

/** Undefined if it is not a directory. Throws the system's error. */
async function findRoot(directory: string): Promise<TreeRoot | undefined> {
  const real = await realpath(directory);
  const seen = await stat(real, { bigint: true });
  // Includes the birth time, because the inode number of a removed directory is reused.
  const identity = `${seen.dev}:${seen.ino}:${seen.birthtimeNs} ${real}`;
  return seen.isDirectory() ? { real, identity } : undefined;
}
