// Notices when the program that started this one has ended. npm sends SIGTERM only to its shell,
// which ends without passing the signal on.

import { systemClock } from '../ground/clock.ts';

/** How often the parent is checked, in milliseconds. */
const PARENT_CHECK_MS = 500;

/** Calls `onEnd` once, when this process gets another parent. Does not keep this process alive. */
export function whenParentEnds(onEnd: () => void): void {
  const parent = process.ppid;
  const checkParent = (): void => {
    if (process.ppid === parent) systemClock.schedule(PARENT_CHECK_MS, checkParent);
    else onEnd();
  };
  checkParent();
}
