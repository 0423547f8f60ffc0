// Notices that the program that started this one has ended. npm passes SIGTERM on to its shell, which ends without passing it on.

import { type Clock, systemClock } from '../clock.ts';

/** How often it is looked whether the parent has changed, in milliseconds. */
const PARENT_MS = 500;

/** Calls `end` once when this process gets another parent. Keeps no process alive. */
export function whenParentEnds(end: () => void, clock: Pick<Clock, 'schedule'> = systemClock): void {
  const parent = process.ppid;
  const look = (): void => {
    if (process.ppid === parent) clock.schedule(PARENT_MS, look);
    else end();
  };
  look();
}
