// Notices when the program that started this one has ended. npm passes SIGTERM only to its shell,
// which ends without passing it on.

import { systemClock } from '../ground/clock.ts';

/** How often the parent is checked, in milliseconds. */
const PARENT_MS = 500;

/** Calls `end` once when this process gets another parent. Does not keep this process alive. */
export function whenParentEnds(end: () => void): void {
  const parent = process.ppid;
  const checkParent = (): void => {
    if (process.ppid === parent) systemClock.schedule(PARENT_MS, checkParent);
    else end();
  };
  checkParent();
}
