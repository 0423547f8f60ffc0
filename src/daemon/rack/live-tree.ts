// The boot tree in force: read, watched, and replaceable while its files are being read.
//
//   open ─ #scan ─┬─ readable ──────────────▶ index ─┬─ small ─ watched ─ a change, or the path moved (#checkPath) ─▶ #scan …
//                 │                                  └─ large, or deeper than the watch ─ after a pause ─▶ #scan …
//                 └─ too large, unreadable ─▶ problem; the former index stays ─ after a pause ─▶ #scan …
//
// 1. A bad tree is a `problem`, reported when it begins and ends; it never keeps the rack from
//    serving anything else.
// 2. Meanwhile the files of the last good scan are known. A file requested by its exact name is
//    sent: opening needs no index.
// 3. A reader of a file in the former tree continues with that file.
// 4. A configuration with an unreadable new tree is refused. If the new tree's disk does not answer
//    in time, the configuration is accepted with a problem.
// 5. The tree is where its path leads now: a switched link or a replaced directory is noticed
//    within PATH_CHECK_MS.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories } from '../../files/durable-directory.ts';
import { BootTree, type GivenFiles, type TreeRoot } from '../../files/file-tree.ts';
import type { FileTree, OpenedFile } from '../../files/opened-file.ts';
import { composeOwnershipRemedy, isOwnershipError } from '../../files/ownership.ts';
import { TREE_DEPTH_MAX } from '../../files/tree-index.ts';
import { type Clock, type Instant, type Timer, withTimeout } from '../../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { withText } from '../../region/reports/notes.ts';
import { type TreeWatch, watchTree } from './tree-watch.ts';

/**
 * A larger tree is scanned at intervals instead of watched: a watch costs 4 KB of memory per entry.
 * Only a host that can write to the tree can reach this bound.
 */
const WATCHED_ENTRIES_MAX = 5000;
/**
 * The pause between scans of a tree that is not watched, as a multiple of the last scan's duration:
 * at most 5 % of one CPU.
 */
const PAUSE_FACTOR = 20;
const PAUSE_MS_MIN = 5000;
const PAUSE_MS_MAX = 60_000;
/**
 * How often a check finds out whether a watched tree's path leads elsewhere, in milliseconds. A
 * check costs two system calls.
 */
const PATH_CHECK_MS = 2000;
/** How long a start or a reload waits for the tree, in milliseconds: its disk may hang. */
export const FIRST_SCAN_MS_MAX = 10_000;

interface LiveTreeOptions {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  readonly outsideFiles?: GivenFiles | undefined;
}

/** Why the contents of the tree are unknown or outdated. */
interface TreeProblem {
  readonly reason: string;
  readonly startedAt: Instant;
}

export class LiveTree implements FileTree {
  readonly #options: LiveTreeOptions;
  #tree: BootTree;
  #problem: TreeProblem | undefined;
  #isFollowing = false;
  #isClosed = false;
  #watch: TreeWatch | undefined;
  #watchedRoot: TreeRoot | undefined;
  /** A watch failed: the host allows no more watches. */
  #isUnwatchable = false;
  #timer: Timer | undefined;
  #runningScan: Promise<void> | undefined;
  #isRescanDue = false;
  #scanMs = 0;

  private constructor(tree: BootTree, options: LiveTreeOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  /**
   * Creates the directory if it is missing, and reads the tree. A failure becomes a `problem` and
   * is retried.
   */
  static async open(directory: string, options: LiveTreeOptions): Promise<LiveTree> {
    const liveTree = new LiveTree(BootTree.unread(directory, undefined, options.outsideFiles), options);
    const firstScan = liveTree.#createAndScan().then(() => true);
    if (!(await withTimeout(options.clock, FIRST_SCAN_MS_MAX, firstScan, () => false))) liveTree.#reportLate();
    return liveTree;
  }

  get directory(): string {
    return this.#tree.directory;
  }

  /** `undefined` if the tree's contents are known. */
  get problem(): TreeProblem | undefined {
    return this.#problem;
  }

  open(path: string): Promise<OpenedFile | undefined> {
    return this.#tree.open(path);
  }

  hasFile(path: string): boolean {
    return this.#tree.hasFile(path);
  }

  findAlike(path: string): readonly string[] {
    return this.#tree.findAlike(path);
  }

  resolveRealPath(path: string): string | undefined {
    return this.#tree.findRealPath(path);
  }

  releaseSlices(): boolean {
    return this.#tree.releaseSlices();
  }

  counters(): ReturnType<BootTree['counters']> {
    return this.#tree.counters();
  }

  watch(): void {
    this.#isFollowing = true;
    this.#scheduleNext();
  }

  /**
   * Serves another directory; does nothing if the directory is the same.
   * @throws RackError `tree-unreadable`; the former tree is still served
   */
  async moveTo(directory: string): Promise<void> {
    if (directory === this.#tree.directory) return;
    const nextTree = BootTree.unread(directory, undefined, this.#options.outsideFiles);
    const reading = ensureTree(directory).then(() => nextTree.refresh());
    const hasRead = reading.then(() => true);
    const isRead = await withTimeout(this.#options.clock, FIRST_SCAN_MS_MAX, hasRead, () => false);
    const formerTree = this.#tree;
    this.#tree = nextTree;
    this.#unwatch();
    this.#isUnwatchable = false;
    // A scan of the former tree may never end.
    this.#runningScan = undefined;
    formerTree.close();
    if (isRead) {
      this.#setProblem(undefined);
      return;
    }
    // The scan that `#reportLate` starts reports its result.
    reading.catch(() => undefined);
    this.#problem = undefined;
    this.#reportLate();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isFollowing = false;
    this.#timer?.cancel();
    this.#unwatch();
    this.#tree.close();
  }

  #reportLate(): void {
    const lateText = `was not read within ${FIRST_SCAN_MS_MAX / 1000} s and is still being read: check its disk`;
    this.#setProblem(errorText(new RackError('tree-unreadable', `boot.tree ${this.directory} ${lateText}`)));
    void this.#scan();
  }

  async #createAndScan(): Promise<void> {
    try {
      await ensureTree(this.#tree.directory);
    } catch (error) {
      this.#setProblem(errorText(error));
      return;
    }
    await this.#scan();
  }

  /** Reads the tree. One scan runs at a time; a scan requested meanwhile follows it. */
  #scan(): Promise<void> {
    this.#isRescanDue = this.#runningScan !== undefined;
    if (this.#runningScan !== undefined) return this.#runningScan;
    const scan = this.#scanOnce().finally(() => {
      if (this.#runningScan !== scan) return;
      this.#runningScan = undefined;
      if (this.#isRescanDue && !this.#isClosed) void this.#scan();
    });
    this.#runningScan = scan;
    return scan;
  }

  async #scanOnce(): Promise<void> {
    const { clock } = this.#options;
    const tree = this.#tree;
    const startedAt = clock.now();
    let reason: string | undefined;
    try {
      await tree.refresh();
    } catch (error) {
      reason = errorText(error);
    }
    this.#scanMs = clock.now() - startedAt;
    // Another tree may have replaced it meanwhile.
    if (tree === this.#tree && !this.#isClosed) this.#setProblem(reason);
  }

  #setProblem(reason: string | undefined): void {
    const now = this.#options.clock.now();
    const formerProblem = this.#problem;
    const tree = this.directory;
    this.#problem = reason === undefined ? undefined : { reason, startedAt: formerProblem?.startedAt ?? now };
    if (reason !== undefined && formerProblem === undefined)
      this.#options.publish({ kind: 'tree.problem', at: now, tree, reason });
    if (reason === undefined && formerProblem !== undefined)
      this.#options.publish({ kind: 'tree.served', at: now, tree, entries: this.#tree.entries });
    this.#scheduleNext();
  }

  /** Waits for the next change by a watch, or for the next scan. */
  #scheduleNext(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#isFollowing) return;
    const { clock } = this.#options;
    const { entries, depth, scannedRoot } = this.#tree;
    const isSmall = entries <= WATCHED_ENTRIES_MAX && depth <= TREE_DEPTH_MAX;
    if (scannedRoot !== undefined && this.#problem === undefined && isSmall && !this.#isUnwatchable) {
      this.#watchRoot(scannedRoot);
      this.#timer = clock.schedule(PATH_CHECK_MS, () => void this.#checkPath());
      return;
    }
    this.#unwatch();
    const pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, PAUSE_FACTOR * this.#scanMs));
    this.#timer = clock.schedule(pauseMs, () => void this.#scan());
  }

  #watchRoot(root: TreeRoot): void {
    if (this.#watchedRoot?.identity !== root.identity) this.#unwatch();
    this.#watchedRoot = root;
    this.#watch ??= watchTree(root.realPath, this.#options.clock, {
      onChange: () => void this.#scan(),
      onFlood: () => {
        this.#watch = undefined;
        void this.#scan();
      },
      onFailed: (reason) => this.#handleWatchFailure(reason),
    });
  }

  /** Checks that the tree's path still leads to the watched tree. */
  async #checkPath(): Promise<void> {
    const tree = this.#tree;
    const hasMoved = await tree.hasMoved();
    if (tree !== this.#tree || this.#isClosed) return;
    if (hasMoved) void this.#scan();
    else this.#scheduleNext();
  }

  #handleWatchFailure(reason: string): void {
    this.#isUnwatchable = true;
    const { clock, publish } = this.#options;
    const note = withText({ note: 'tree-unwatched', tree: this.directory, reason });
    publish({ kind: 'daemon.note', at: clock.now(), ...note });
    this.#scheduleNext();
  }

  #unwatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }
}

/** Creates the tree's directory if it is missing. @throws RackError `tree-unreadable` */
async function ensureTree(directory: string): Promise<void> {
  try {
    // Asynchronous, because the disk may hang.
    await stat(directory);
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') makeTree(directory);
  }
}

function makeTree(directory: string): void {
  try {
    makeDirectories(directory, 0o755);
  } catch (cause) {
    const remedy = isOwnershipError(cause) ? composeOwnershipRemedy(directory, dirname(directory)) : 'create it';
    const text = `the boot tree ${directory} cannot be created: ${errorText(cause)}; ${remedy}, or set boot.tree`;
    throw new RackError('tree-unreadable', text, { cause });
  }
}
