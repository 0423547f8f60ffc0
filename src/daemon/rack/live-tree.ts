// The boot tree in force: read, watched, and exchanged for another while it is read from.
//
//   open ─ look ─┬─ it can be read ───────▶ index ─┬─ small ─ watched ─ a change, or it leads elsewhere (#glance) ─▶ look …
//                │                                 └─ large, or deeper than is watched ─ after a pause ─▶ look …
//                └─ too large, unreadable ▶ problem; the former index stays ─ after a pause ─▶ look …
//
// 1. A tree never keeps the rack from starting, nor from serving anything else: what is wrong with it is a `problem`, which is told
//    when it begins and when it ends.
// 2. With a problem, the files that the last good look found are known, and no others; at a start that is none. Each file is sent to whoever
//    asks for it by its exact name: opening needs no index.
// 3. Whoever reads a file of the former tree goes on reading it; whoever opens one from now on finds the new tree's.
// 4. A configuration with another tree that cannot be read is refused, and the former tree stays. One whose disk does not answer in time
//    is taken, with a problem, as at a start: no disk holds up a reload.
// 5. The tree is where its path leads now. A link on the way that is switched to another tree, and a directory that takes its place, are
//    seen within GLANCE_MS, and what is watched from then on is that tree.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Instant, Timer } from '../../clock.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { makeDirectories } from '../../files/durable-directory.ts';
import { BootTree, type TreeRoot } from '../../files/file-tree.ts';
import type { FileTree, OpenedFile } from '../../files/opened-file.ts';
import { isOwnershipError, ownershipRemedy } from '../../files/ownership.ts';
import { TREE_DEPTH_MAX } from '../../files/tree-index.ts';
import type { DaemonEvent } from './events.ts';
import { type TreeWatch, watchTree } from './tree-watch.ts';

/**
 * A tree of more entries than this is not watched but looked at: a watch costs 4 KB of memory for each entry. Only whoever writes into the
 * tree can fill it; then a change is noticed with the next look instead of at once.
 */
export const WATCHED_ENTRIES_MAX = 5000;
/** A tree that is not watched is looked at again after a pause of so many times what the last look took: 5 % of a processor at the most. */
const PAUSE_FACTOR = 20;
const PAUSE_MS_MIN = 5000;
const PAUSE_MS_MAX = 60_000;
/** How often it is asked, in milliseconds, whether a watched tree's path leads elsewhere: two questions to the system, one at a time. */
export const GLANCE_MS = 2000;
/** How long a start, or a reload, waits for the tree: a disk may hang. */
export const FIRST_LOOK_MS_MAX = 10_000;

export interface LiveTreeOptions {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
}

/** Why what the tree holds is not known, or not any more. */
export interface TreeProblem {
  /** Names the tree and the remedy. */
  readonly reason: string;
  readonly since: Instant;
}

export class LiveTree implements FileTree {
  readonly #options: LiveTreeOptions;
  #tree: BootTree;
  #problem: TreeProblem | undefined;
  #following = false;
  #closed = false;
  #watch: TreeWatch | undefined;
  /** What `#watch` watches. */
  #watched: TreeRoot | undefined;
  /** A watch failed: the host allows no more. */
  #unwatchable = false;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  /** How long the last look took. */
  #lookMs = 0;

  private constructor(tree: BootTree, options: LiveTreeOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  /** Makes the directory when it is missing, and reads the tree. What cannot be done is a `problem`, and is tried again. */
  static async open(directory: string, options: LiveTreeOptions): Promise<LiveTree> {
    const live = new LiveTree(BootTree.unread(directory), options);
    if (!(await isDoneInTime(live.#begin(), options.clock))) live.#wait();
    return live;
  }

  get directory(): string {
    return this.#tree.directory;
  }

  /** Undefined: the tree is read and known. */
  get problem(): TreeProblem | undefined {
    return this.#problem;
  }

  open(path: string): Promise<OpenedFile | undefined> {
    return this.#tree.open(path);
  }

  hasFile(path: string): boolean {
    return this.#tree.hasFile(path);
  }

  /** Follows changes of the tree from now on. */
  watch(): void {
    this.#following = true;
    this.#follow();
  }

  /**
   * Serves another directory from now on; the same one is left as it is.
   * @throws RackError `tree-unreadable`: the former one is served as before
   */
  async moveTo(directory: string): Promise<void> {
    if (directory === this.#tree.directory) return;
    const next = BootTree.unread(directory);
    const reading = ensureTree(directory).then(() => next.refresh());
    const isRead = await isDoneInTime(reading, this.#options.clock);
    const former = this.#tree;
    this.#tree = next;
    this.#unwatch();
    this.#unwatchable = false;
    // A look at the former tree may never end.
    this.#looking = undefined;
    former.close();
    if (isRead) {
      this.#settle(undefined);
      return;
    }
    // Its end is seen by the look that waits for it.
    reading.catch(() => undefined);
    this.#problem = undefined;
    this.#wait();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#following = false;
    this.#timer?.cancel();
    this.#unwatch();
    this.#tree.close();
  }

  /** The tree was not read in time: its disk is waited for. */
  #wait(): void {
    const late = `was not read within ${FIRST_LOOK_MS_MAX / 1000} s, which goes on: see whether its disk answers`;
    this.#settle(`boot.tree ${this.directory} ${late}`);
    void this.#look();
  }

  async #begin(): Promise<void> {
    try {
      await ensureTree(this.#tree.directory);
    } catch (error) {
      this.#settle(errorText(error));
      return;
    }
    await this.#look();
  }

  /** Reads the tree. One look at a time; what is asked for during a look follows it. */
  #look(): Promise<void> {
    this.#lookAgain = this.#looking !== undefined;
    if (this.#looking !== undefined) return this.#looking;
    const looking = this.#lookOnce().finally(() => {
      if (this.#looking !== looking) return;
      this.#looking = undefined;
      if (this.#lookAgain && !this.#closed) void this.#look();
    });
    this.#looking = looking;
    return looking;
  }

  async #lookOnce(): Promise<void> {
    const { clock } = this.#options;
    const tree = this.#tree;
    const startedAt = clock.now();
    let reason: string | undefined;
    try {
      await tree.refresh();
    } catch (error) {
      reason = errorText(error);
    }
    this.#lookMs = clock.now() - startedAt;
    // Meanwhile another tree may have taken its place.
    if (tree === this.#tree && !this.#closed) this.#settle(reason);
  }

  /** @param reason undefined: the tree is read and known */
  #settle(reason: string | undefined): void {
    const at = this.#options.clock.now();
    const before = this.#problem;
    const tree = this.directory;
    this.#problem = reason === undefined ? undefined : { reason, since: before?.since ?? at };
    if (reason !== undefined && before === undefined) this.#options.publish({ kind: 'tree.problem', at, tree, reason });
    if (reason === undefined && before !== undefined)
      this.#options.publish({ kind: 'tree.served', at, tree, entries: this.#tree.entries });
    this.#follow();
  }

  /** Waits for the next change, by a watch or by looking again. */
  #follow(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#following) return;
    const { clock } = this.#options;
    const { entries, depth, walked } = this.#tree;
    const isSmall = entries <= WATCHED_ENTRIES_MAX && depth <= TREE_DEPTH_MAX;
    if (walked !== undefined && this.#problem === undefined && isSmall && !this.#unwatchable) {
      this.#watchRoot(walked);
      this.#timer = clock.schedule(GLANCE_MS, () => void this.#glance());
      return;
    }
    this.#unwatch();
    const pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, PAUSE_FACTOR * this.#lookMs));
    this.#timer = clock.schedule(pauseMs, () => void this.#look());
  }

  #watchRoot(root: TreeRoot): void {
    if (this.#watched?.identity !== root.identity) this.#unwatch();
    this.#watched = root;
    this.#watch ??= watchTree(root.real, this.#options.clock, {
      onChange: () => void this.#look(),
      onFlood: () => {
        this.#watch = undefined;
        void this.#look();
      },
      onFailed: (reason) => this.#watchFailed(reason),
    });
  }

  /** Asks whether the tree's path still leads to what is watched. */
  async #glance(): Promise<void> {
    const tree = this.#tree;
    const hasMoved = await tree.hasMoved();
    if (tree !== this.#tree || this.#closed) return;
    if (hasMoved) void this.#look();
    else this.#follow();
  }

  #watchFailed(reason: string): void {
    this.#unwatchable = true;
    const { clock, publish } = this.#options;
    const text = `the boot tree ${this.directory} cannot be watched (${reason}): it is looked at now and then instead`;
    publish({ kind: 'daemon.note', at: clock.now(), text });
    this.#follow();
  }

  #unwatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }
}

/** Waits for what reads a tree, FIRST_LOOK_MS_MAX at most. @returns false when it goes on; @throws what ended it */
async function isDoneInTime(reading: Promise<void>, clock: Clock): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const late = clock.schedule(FIRST_LOOK_MS_MAX, () => resolve(false));
  try {
    return await Promise.race([reading.then(() => true), promise]);
  } finally {
    late.cancel();
  }
}

/** Makes the tree's directory when it is missing. @throws RackError `tree-unreadable` */
async function ensureTree(directory: string): Promise<void> {
  try {
    // Asked without holding the loop: the disk may hang.
    await stat(directory);
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') makeTree(directory);
  }
}

function makeTree(directory: string): void {
  try {
    makeDirectories(directory, 0o755);
  } catch (cause) {
    const remedy = isOwnershipError(cause) ? ownershipRemedy(directory, dirname(directory)) : 'make it';
    const text = `the boot tree ${directory} cannot be made: ${errorText(cause)}; ${remedy}, or set boot.tree`;
    throw new RackError('tree-unreadable', text, { cause });
  }
}
