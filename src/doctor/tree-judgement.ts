// Judges a boot tree as this user sees it.
//
// 1. A missing tree is not a fault, because the rack creates it.
// 2. The rack may be able to read what this user cannot, so an unreadable tree is reported, but is
//    not a fault.

import { BootTree } from '../files/file-tree.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';

/** The judgement of a tree. */
export interface TreeJudgement {
  readonly isFault: boolean;
  /** Names the tree and the remedy. */
  readonly text: string;
}

/** Judges the whole tree; undefined if it has no problem. */
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
      text: `this user may not read boot.tree ${directory}: check it as root`,
    };
  } finally {
    tree.close();
  }
}
