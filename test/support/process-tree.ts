// The processes below a process, as /proc shows them.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A field of /proc/PID/stat, from 0 for the first after the name; undefined: the process has ended. */
function statField(pid: number, index: number): string | undefined {
  try {
    // "pid (name) state ppid": the name may contain anything, even a parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[index];
  } catch {
    return undefined;
  }
}

const parentOf = (pid: number): number => Number(statField(pid, 1));

/** When a process started, in clock ticks since the host did; undefined: it has ended, though its parent may not know it yet. */
export const startOf = (pid: number): string | undefined =>
  'ZX'.includes(statField(pid, 0) ?? 'X') ? undefined : statField(pid, 19);

/** Every process of the host. */
export const processIds = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Every process below one, children before their parents. */
export function processesBelow(pid: number): number[] {
  const children = processIds().filter((each) => parentOf(each) === pid);
  return children.flatMap((child) => [...processesBelow(child), child]);
}

/** Kills every process below one. */
export function killBelow(pid: number): void {
  for (const each of processesBelow(pid)) kill(each);
}

/** The variable with the scratch directory of a run of test/run.ts, which every process of it inherits. */
export const RUN_VARIABLE = 'RACKBOOT_TEST_RUN';

/** Every process of a run but this one, even if its parent has ended. @param scratch the beginning of the run's scratch directory */
export function processesOfRun(scratch: string): number[] {
  const isOfRun = (pid: number): boolean => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      return variables.some((variable) => variable.startsWith(`${RUN_VARIABLE}=${scratch}`));
    } catch {
      // It has ended, or belongs to another user.
      return false;
    }
  };
  return processIds().filter((pid) => pid !== process.pid && isOfRun(pid));
}

/** True for a process of this Node, such as one that runs tests. */
export function isNode(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === process.execPath;
  } catch {
    return false;
  }
}

/** Sends a process a signal, unless it has ended. */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
