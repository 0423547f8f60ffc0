// The processes below a process, as /proc shows them.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function parentOf(pid: string): number | undefined {
  try {
    // "pid (name) state ppid": the name may contain anything, even a parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Every process below one, children before their parents. */
export function processesBelow(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
  return children.flatMap((child) => [...processesBelow(child), child]);
}

/** Kills every process below one. */
export function killBelow(pid: number): void {
  for (const each of processesBelow(pid)) kill(each);
}

/** Stops a process of Node, and all such processes below it, until they are killed: they start nothing more. */
export function stopNodes(pid: number): void {
  for (const each of [...processesBelow(pid), pid].reverse()) if (isNode(each)) kill(each, 'SIGSTOP');
}

function isNode(pid: number): boolean {
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
