// Programs that a test starts: waiting for their end, and for conditions while they run.
//
// 1. A program that has already ended is not awaited: its `exit` event was emitted before a listener existed, and does not come again.
// 2. Waiting for something that only a running program can cause fails as soon as the program ends.

import type { ChildProcess } from 'node:child_process';

/** True if the program has ended, or could not be started. */
export const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

/** Resolves with the exit code when the program ends; null if a signal ended it, or it could not be started. */
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

/** Resolves as `awaited` does; rejects as soon as the program ends. `said` is the program's output, for the error. */
export function whileRunning<T>(child: ChildProcess, awaited: Promise<T>, said: () => string = () => ''): Promise<T> {
  const end = ended(child).then((code) => {
    const how = code === null ? (child.signalCode ?? 'it was not started') : `exit code ${code}`;
    throw new Error(`${child.spawnargs.join(' ')} ended (${how}): ${said()}`);
  });
  return Promise.race([awaited, end]);
}
