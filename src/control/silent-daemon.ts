// Why a daemon that accepts connections does not answer: its process, found by its lock on the state directory, may be stopped.

import { readFileSync } from 'node:fs';
import { RackError } from '../errors.ts';
import { stateHolder } from '../store/state-lock.ts';

/** Words for the kernel's letter of a process's state (proc(5), /proc/PID/stat). */
const STATES: ReadonlyMap<string, string> = new Map([
  ['R', 'running'],
  ['S', 'waiting'],
  ['D', 'waiting for a disk'],
]);

/**
 * The error for a daemon whose process is stopped; undefined if it is not, or the kernel does not show it.
 * @param isCommand true: the request changes something, which the daemon may do once it runs again
 */
export function stoppedError(stateDir: string, socketPath: string, isCommand: boolean): RackError | undefined {
  const pid = stateHolder(stateDir);
  const state = pid === undefined ? undefined : processState(pid);
  if (pid === undefined || (state !== 'T' && state !== 't')) return undefined;
  const remedy = state === 'T' ? `run \`sudo kill -CONT ${pid}\`` : 'use the debugger';
  const later = isCommand ? '; it may then still carry out this command' : '';
  const text = `the daemon at ${socketPath} does not answer: its process ${pid} is stopped (state ${state}): to let it continue, ${remedy}${later}`;
  return new RackError('not-running', text);
}

/** The error for a daemon that did not answer in time. */
export function silentError(stateDir: string, socketPath: string, seconds: number): RackError {
  const pid = stateHolder(stateDir);
  const state = pid === undefined ? undefined : STATES.get(processState(pid) ?? '');
  const process = pid === undefined ? '' : ` (process ${pid}${state === undefined ? '' : `, ${state}`})`;
  return new RackError('not-running', `the daemon at ${socketPath}${process} did not answer in ${seconds} s`);
}

/** The kernel's letter of a process's state: `T` stopped by a signal, `t` by a debugger; undefined if the kernel does not show it. */
function processState(pid: number): string | undefined {
  try {
    // The name before it, in parentheses, may contain anything.
    return /^.*\) (\w) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
  } catch {
    // The process has ended, or there is no /proc.
    return undefined;
  }
}
