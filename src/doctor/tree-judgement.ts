// What is wrong with a boot tree, as whoever asks sees it.
//
// 1. A tree that is not there is no fault: the rack makes it.
// 2. What whoever asks may not read, the rack may: that is told and is no fault either.

import { errorText, osErrorCode } from '../errors.ts';
import { BootTree } from '../files/file-tree.ts';

/** What there is to tell of a tree. */
export interface TreeJudgement {
  readonly isFault: boolean;
  /** Names the tree and the remedy. */
  readonly text: string;
}

/** Reads the whole tree; undefined: all is well. */
export async function judgeTree(directory: string): Promise<TreeJudgement | undefined> {
  const tree = BootTree.unread(directory);
  try {
    await tree.refresh();
    return undefined;
  } catch (error) {
    const code = osErrorCode(error instanceof Error ? error.cause : undefined);
    if (code === 'ENOENT') return undefined;
    if (code !== 'EACCES' && code !== 'EPERM') return { isFault: true, text: errorText(error) };
    return {
      isFault: false,
      text: `this user may not read boot.tree ${directory}: ask as root whether all is well with it`,
    };
  } finally {
    tree.close();
  }
}
