// The boot tree in force: watched, and exchanged for another while it is read from.
//
// 1. Whoever reads a file of the former tree goes on reading it; whoever opens one from now on finds the new tree's.
// 2. A tree that cannot be opened is refused, and the former one stays.

import type { Clock } from '../clock.ts';
import { BootTree } from '../files/file-tree.ts';
import type { FileTree, OpenedFile } from '../files/opened-file.ts';
import { ensureTree, watchTree } from './tree-watch.ts';

export interface LiveTreeOptions {
  readonly clock: Clock;
  /** Told when the tree cannot be watched or walked. */
  readonly onProblem: (text: string) => void;
}

export class LiveTree implements FileTree {
  readonly #options: LiveTreeOptions;
  #tree: BootTree;
  #watch: { close(): Promise<void> } | undefined;

  private constructor(tree: BootTree, options: LiveTreeOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  /** Makes the directory when it is missing, and opens it. @throws RackError `tree-unreadable` */
  static async open(directory: string, options: LiveTreeOptions): Promise<LiveTree> {
    ensureTree(directory);
    return new LiveTree(await BootTree.open(directory), options);
  }

  get directory(): string {
    return this.#tree.directory;
  }

  open(path: string): Promise<OpenedFile | undefined> {
    return this.#tree.open(path);
  }

  hasFile(path: string): boolean {
    return this.#tree.hasFile(path);
  }

  /** Follows changes of the tree from now on. */
  watch(): void {
    this.#watch ??= watchTree(this.#tree.directory, this.#tree, this.#options.clock, this.#options.onProblem);
  }

  /** Serves another directory from now on; the same one is left as it is. @throws RackError `tree-unreadable` */
  async moveTo(directory: string): Promise<void> {
    if (directory === this.#tree.directory) return;
    ensureTree(directory);
    const next = await BootTree.open(directory);
    const [former, watching] = [this.#tree, this.#watch];
    this.#tree = next;
    this.#watch = undefined;
    if (watching !== undefined) this.watch();
    former.close();
    await watching?.close();
  }

  async close(): Promise<void> {
    const watching = this.#watch;
    this.#watch = undefined;
    await watching?.close();
    this.#tree.close();
  }
}
