// Programs that a test starts: their end, and what a test waits for while they run.
//
// 1. A program that has ended already is not waited for: its `exit` was told before anybody listened, and does not come again.
// 2. What only a running program can bring about fails as soon as it ends.

import type { ChildProcess } from 'node:child_process';

/** True when the program has ended, or could not be started. */
export const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

/** The exit code of a program, when it has ended; null: a signal ended it, or it could not be started. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (hasEnded(child)) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
}

/** Sends `signal`, unless the program has ended, and waits for its end. @returns its exit code */
export async function endProgram(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (!hasEnded(child)) child.kill(signal);
  return ended(child);
}

/** What `awaited` comes to; rejects at once when the program ends before. `said` is what it had to say, for the error. */
export function whileRunning<T>(child: ChildProcess, awaited: Promise<T>, said: () => string = () => ''): Promise<T> {
  const end = ended(child).then((code) => {
    const how = code === null ? (child.signalCode ?? 'it was not started') : `exit code ${code}`;
    throw new Error(`${child.spawnargs.join(' ')} ended (${how}): ${said()}`);
  });
  return Promise.race([awaited, end]);
}
