// The boot tree on disk, outside which it never opens a file. Sources: open(2) (O_NOFOLLOW,
// O_NONBLOCK), proc(5) (/proc/self/fd), CONTRIBUTING.md ("The map of rooms").
//
// 1. A path is names joined by `/`. Empty names, `.` and `..` count as missing, and so do what
//    Rackboot keeps in the tree for itself (`own-names.ts`) and targets of links to outside the
//    tree. Links that end inside it are followed.
// 2. Only regular files are opened. Opening never waits for a FIFO and never touches a device.
// 3. The path is resolved, checked, and opened without following a final link. The opened file's
//    real path is checked again where the system reports it, so a directory replaced by a link in
//    between gains nothing.
// 4. Readers of one file share a descriptor and slices. A changed inode, size or time is another
//    file for later readers, at the latest SEEN_MS_MAX after the change: a look at the disk costs
//    as much as answering a small request.

import { constants, fstat, read, type Stats } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { promisify } from 'node:util';
import { BoundedMap } from '../ground/bounded-map.ts';
import { type Instant, systemClock } from '../ground/clock.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import type { FileTree, OpenedFile } from './opened-file.ts';
import { isOwnPath } from './own-names.ts';
import { type ReadHandle, SharedFile } from './shared-file.ts';
import { SLICE_CACHE_BYTES_MAX, SliceCache } from './slice-cache.ts';
import { TreeIndex, walkTree } from './tree-index.ts';

/** In characters. */
export const PATH_CHARACTERS_MAX = 1024;
/**
 * The most files open at once; beyond it an open is refused. Transfers and responses, which are
 * shared out fairly, are fewer. A file closes with its last reader, or a little later
 * (FILES_KEPT_MAX).
 */
export const FILES_OPEN_MAX = 8192;
/** How long a resolved path is trusted before the disk is asked again, in milliseconds. */
const SEEN_MS_MAX = 1000;
/** Beyond this many open files, unread ones are closed, the one unread longest first. No client notices. */
export const FILES_KEPT_MAX = 256;
/** The path opened longest ago is forgotten first. */
const PATHS_KNOWN_MAX = 1024;
/**
 * Callers that wait for look-ups at once; one more is refused. Callers that gave up stay while the
 * file system does not answer, so clients can then fill it. It empties as the file system answers.
 */
export const LOOKUPS_WAITING_MAX: number = FILES_OPEN_MAX;

/** Errors that mean that there is no such readable file. */
const ABSENT_CODES: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EACCES',
  'EPERM',
  'ENXIO',
  'EINVAL',
]);

export interface TreeRoot {
  /** Its path with every link resolved. */
  readonly realPath: string;
  /** Differs for another path or directory. */
  readonly identity: string;
}

/**
 * Files outside the tree that are served as part of it, by their path in the tree: the real path of
 * each, or the descriptor of a file that only root may open.
 */
export type GivenFiles = ReadonlyMap<string, string | number>;

const [readDescriptor, statDescriptor] = [promisify(read), promisify(fstat)];

/** A handle whose file remains open for further readers. */
const createReadHandle = (fd: number): ReadHandle => ({
  fd,
  read: (...part) => readDescriptor(fd, ...part),
  stat: () => statDescriptor(fd),
  close: () => Promise.resolve(),
});

interface SeenPath {
  readonly realPath: string;
  readonly resolvedAt: Instant;
}

interface Lookup {
  /** Each gets its reader when the look-up ends. */
  waitingCount: number;
  readonly result: Promise<SharedFile | undefined>;
}

/** `undefined` if the tree cannot hold such a path. */
export function splitPath(path: string): readonly string[] | undefined {
  if (path.length > PATH_CHARACTERS_MAX || path.includes('\0')) return undefined;
  const names = path.split('/');
  return names.every((name) => name !== '' && name !== '.' && name !== '..') && !isOwnPath(names) ? names : undefined;
}

export class BootTree implements FileTree {
  readonly directory: string;
  /**
   * The directory with every link resolved, as of the last `refresh` or the last path that seemed
   * to lead outside.
   */
  #root: string;
  readonly #slices: SliceCache;
  readonly #lookups = new Map<string, Lookup>();
  #waitingCount = 0;
  /** By real path, least recently opened first. */
  readonly #files = new Map<string, SharedFile>();
  readonly #resolvedPaths = new BoundedMap<string, SeenPath>(PATHS_KNOWN_MAX, 'used longest ago');
  /** Files that were replaced on disk and still have readers. */
  #formerFiles = 0;
  #index = new TreeIndex();
  #scannedRoot: TreeRoot | undefined;
  #refreshing: Promise<void> | undefined;

  readonly #givenFiles: GivenFiles;

  private constructor(directory: string, cacheBytesMax: number, givenFiles: GivenFiles) {
    this.directory = directory;
    this.#givenFiles = givenFiles;
    this.#root = directory;
    this.#slices = new SliceCache(cacheBytesMax);
  }

  /**
   * Reads the index, too.
   * @param cacheBytesMax bound of the slices in memory
   * @throws RackError `tree-unreadable` when the directory cannot be read.
   */
  static async open(directory: string, cacheBytesMax: number = SLICE_CACHE_BYTES_MAX): Promise<BootTree> {
    const tree = BootTree.unread(directory, cacheBytesMax);
    await tree.refresh();
    return tree;
  }

  /** A tree that has no index before `refresh`. */
  static unread(
    directory: string,
    cacheBytesMax: number = SLICE_CACHE_BYTES_MAX,
    givenFiles: GivenFiles = new Map(),
  ): BootTree {
    return new BootTree(directory, cacheBytesMax, givenFiles);
  }

  async open(path: string): Promise<OpenedFile | undefined> {
    if (splitPath(path) === undefined) return undefined;
    if (this.#waitingCount >= LOOKUPS_WAITING_MAX) {
      throw new RackError(
        'tree-unreadable',
        `${LOOKUPS_WAITING_MAX} callers already wait for files of ${this.directory}: its file system may not answer`,
      );
    }
    const pendingLookup = this.#lookups.get(path) ?? this.#startLookup(path);
    pendingLookup.waitingCount += 1;
    this.#waitingCount += 1;
    const file = await pendingLookup.result;
    return file?.reader();
  }

  get entries(): number {
    return this.#index.entries;
  }

  get depth(): number {
    return this.#index.depth;
  }

  /** `undefined` before the first `refresh`. */
  get scannedRoot(): TreeRoot | undefined {
    return this.#scannedRoot;
  }

  /** True if `directory` leads elsewhere than at the last `refresh`: a link or a directory was replaced. */
  async hasMoved(): Promise<boolean> {
    const root = await findRoot(this.directory).catch(() => undefined);
    return root === undefined || root.identity !== this.#scannedRoot?.identity;
  }

  /** As current as the last `refresh`. */
  hasFile(path: string): boolean {
    return this.#givenFiles.has(path) || this.#index.hasFile(path);
  }

  /** As current as the last `refresh`. */
  findAlike(path: string): readonly string[] {
    return this.#index.findIgnoringCase(path);
  }

  /** A file's path without links to directories; `undefined` if the index has no such file. */
  findRealPath(path: string): string | undefined {
    return this.#givenFiles.has(path) ? path : this.#index.findRealPath(path);
  }

  /**
   * Callers at the same time share one walk.
   * @throws RackError `tree-unreadable`; the previous index stays.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#walk().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  close(): void {
    for (const [real, file] of this.#files) this.#forget(real, file);
  }

  /**
   * Returns the memory of slices of files without readers. Call when no slice was read for a while.
   * @returns true if there were any
   */
  releaseSlices(): boolean {
    const released = [...this.#files.values()].filter((file) => file.isIdle && this.#slices.release(file));
    return released.length > 0;
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
    this.#index = await walkTree(root.realPath);
    this.#resolvedPaths.clear();
    this.#root = root.realPath;
    this.#scannedRoot = root;
  }

  #startLookup(path: string): Lookup {
    const lookup: Lookup = { waitingCount: 0, result: this.#find(path) };
    this.#lookups.set(path, lookup);
    return lookup;
  }

  /** The file is reserved for every waiting caller, so it stays open until they take their readers. */
  async #find(path: string): Promise<SharedFile | undefined> {
    let file: SharedFile | undefined;
    try {
      file = await this.#openContained(path);
    } catch (error) {
      if (!ABSENT_CODES.has(osErrorCode(error) ?? '')) throw error;
    } finally {
      const waitingCount = this.#lookups.get(path)?.waitingCount ?? 0;
      this.#lookups.delete(path);
      this.#waitingCount -= waitingCount;
      file?.reserve(waitingCount);
      file?.unreserve();
    }
    return file;
  }

  /** The file with one reservation, which the caller must return. */
  async #openContained(path: string): Promise<SharedFile | undefined> {
    const givenSource = this.#givenFiles.get(path);
    if (givenSource !== undefined) {
      const real = typeof givenSource === 'number' ? `/proc/self/fd/${givenSource}` : givenSource;
      return this.#reuse(real, await stat(real)) ?? (await this.#openReal(real, givenSource));
    }
    const resolvedBefore = this.#resolvedPaths.get(path);
    const now = systemClock.now();
    if (resolvedBefore !== undefined) {
      const isRecent = now - resolvedBefore.resolvedAt < SEEN_MS_MAX;
      // An unchanged file is known to lie inside: one system call instead of two.
      const stats = isRecent ? undefined : await stat(`${this.directory}${sep}${path}`);
      const reusedFile = this.#reuse(resolvedBefore.realPath, stats);
      if (reusedFile !== undefined) {
        if (!isRecent) this.#resolvedPaths.set(path, { realPath: resolvedBefore.realPath, resolvedAt: now });
        return reusedFile;
      }
    }
    const real = await this.#resolve(path);
    if (real === undefined) return undefined;
    const stats = await stat(real);
    if (!stats.isFile()) return undefined;
    const file = this.#reuse(real, stats) ?? (await this.#openReal(real));
    if (file !== undefined) this.#resolvedPaths.set(path, { realPath: real, resolvedAt: now });
    return file;
  }

  /**
   * The open file with one reservation, if it matches `stats`.
   * @param stats `undefined` if the disk was asked recently
   */
  #reuse(real: string, stats: Stats | undefined): SharedFile | undefined {
    const cached = this.#files.get(real);
    if (cached?.isSame(stats) !== true) return undefined;
    this.#files.delete(real);
    this.#files.set(real, cached);
    cached.reserve(1);
    return cached;
  }

  async #openReal(real: string, source?: string | number): Promise<SharedFile | undefined> {
    // O_NONBLOCK: a FIFO put in place after `stat` must not block a thread.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = typeof source === 'number' ? createReadHandle(source) : await open(real, flags);
    try {
      const opened = await handle.stat();
      if (!opened.isFile() || !(source !== undefined || (await this.#isContained(handle)))) {
        await handle.close();
        return undefined;
      }
      const file = this.#register(real, handle, opened);
      file.reserve(1);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** `undefined` if it lies outside the tree, or is Rackboot's own. */
  async #resolve(path: string): Promise<string | undefined> {
    const real = await realpath(`${this.directory}${sep}${path}`);
    // The tree's directory may be a link that was switched.
    if (!real.startsWith(this.#root + sep)) this.#root = (await resolveRoot(this.directory)).realPath;
    return this.#isServed(real) ? real : undefined;
  }

  #isServed(real: string): boolean {
    return real.startsWith(this.#root + sep) && !isOwnPath(real.slice(this.#root.length + 1).split(sep));
  }

  async #isContained(handle: ReadHandle): Promise<boolean> {
    if (process.platform !== 'linux') return true;
    return this.#isServed(await readlink(`/proc/self/fd/${handle.fd}`));
  }

  #register(real: string, handle: ReadHandle, stats: Stats): SharedFile {
    const existing = this.#files.get(real);
    if (existing?.isSame(stats)) {
      // Two names of one file were looked up at once.
      void handle.close().catch(() => undefined);
      return existing;
    }
    if (existing !== undefined) this.#forget(real, existing);
    this.#closeIdle();
    if (this.#files.size + this.#formerFiles >= FILES_OPEN_MAX) {
      throw new RackError(
        'tree-unreadable',
        `${FILES_OPEN_MAX} different files of ${this.directory} are in use: ${real} must wait`,
      );
    }
    const file = new SharedFile(handle, real, stats, this.#slices);
    this.#files.set(real, file);
    return file;
  }

  #forget(real: string, file: SharedFile): void {
    this.#files.delete(real);
    if (file.isIdle) {
      file.retire();
      return;
    }
    this.#formerFiles += 1;
    file.retire(() => {
      this.#formerFiles -= 1;
    });
  }

  #closeIdle(): void {
    for (const [real, file] of this.#files) {
      if (this.#files.size + this.#formerFiles < FILES_KEPT_MAX) return;
      if (file.isIdle) this.#forget(real, file);
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

/** `undefined` if it is not a directory. Throws the system's error. */
async function findRoot(directory: string): Promise<TreeRoot | undefined> {
  const real = await realpath(directory);
  const stats = await stat(real, { bigint: true });
  // With the birth time, because inode numbers are reused.
  const identity = `${stats.dev}:${stats.ino}:${stats.birthtimeNs} ${real}`;
  return stats.isDirectory() ? { realPath: real, identity } : undefined;
}
