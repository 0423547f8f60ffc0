// Caches the desired state on disk, so that a rack without its region can boot, address and name
// the machines it knows.

import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { writeNewFile } from '../files/new-file.ts';
import { readRegularBytes } from '../files/regular-file.ts';
import { statIfVisible } from '../files/seen-stats.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';
import { parseDesiredState } from '../machines/desired-state.ts';
import { type DesiredState, EMPTY_DESIRED_STATE } from '../machines/machine.ts';
import type { RackNote } from '../region/reports/notes.ts';

const FILE = 'desired-state.json';
/** Ample for the desired state of MACHINES_MAX machines. */
export const STATE_BYTES_MAX: number = 256 * 1024 * 1024;

/** The path of the cache in a state directory. */
export const desiredStateFile = (stateDir: string): string => join(stateDir, FILE);

/** Why the cache was not written. */
export interface CacheProblem {
  readonly file: string;
  readonly reason: string;
}

/**
 * Reads the cached state, or returns the empty one. A damaged cache is reported to `onProblem`; the
 * region's next state replaces it.
 */
export function readDesiredState(stateDir: string, onProblem: (note: RackNote) => void): DesiredState {
  const path = desiredStateFile(stateDir);
  try {
    const parsed = parseDesiredState(JSON.parse(readRegularBytes(path, STATE_BYTES_MAX).toString()));
    if (parsed.ok) return parsed.state;
    onProblem({ note: 'cache-unread', file: path, reason: parsed.problem });
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') onProblem({ note: 'cache-unread', file: path, reason: errorText(error) });
  }
  return EMPTY_DESIRED_STATE;
}

/**
 * When the cache was written, wall time in milliseconds; `undefined` if it does not exist, or
 * cannot be read: `readDesiredState` says why.
 */
export const desiredStateTime = (stateDir: string): number | undefined =>
  statIfVisible(desiredStateFile(stateDir))?.mtimeMs;

/**
 * Replaces the cache atomically. A failure is reported to `onProblem`; the state in memory stays in
 * force.
 */
export function writeDesiredState(
  stateDir: string,
  state: DesiredState,
  onProblem: (problem: CacheProblem) => void,
): void {
  const path = desiredStateFile(stateDir);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeNewFile(`${path}.part`, JSON.stringify(state));
    renameSync(`${path}.part`, path);
  } catch (error) {
    onProblem({ file: path, reason: errorText(error) });
  }
}
