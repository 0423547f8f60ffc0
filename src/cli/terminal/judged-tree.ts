// The boot tree as the rack will see it: root judges it as the owner of the state, who runs the rack.

import type { RackConfig } from '../../config/rack-config.ts';
import { judgeTree, type TreeJudgement } from '../../doctor/tree-judgement.ts';
import { actAsOwner } from './state-owner.ts';

/** `undefined`: all is well. */
export async function judgeConfiguredTree({
  stateDir,
  boot: { tree },
}: RackConfig): Promise<TreeJudgement | undefined> {
  const isRoot = process.geteuid?.() === 0;
  const leave = actAsOwner(stateDir);
  try {
    const judged = await judgeTree(tree);
    if (judged?.isFault !== false || !isRoot) return judged;
    const text = `boot.tree ${tree} cannot be read by the owner of ${stateDir}, who runs Rackboot: let that user read it`;
    return { isFault: true, text };
  } finally {
    leave();
  }
}
