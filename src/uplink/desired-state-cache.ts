// Caches the desired state on disk, so that a rack without its region can boot, address and name the machines it knows.

import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, osErrorCode } from '../errors.ts';
import { readRegularFile, writeRegularFile } from '../files/regular-file.ts';
import { seenStats } from '../files/seen-stats.ts';
import { parseDesiredState } from '../machines/desired-state.ts';
import { type DesiredState, EMPTY_DESIRED_STATE } from '../machines/machine.ts';
import type { RackNote } from '../region/reports/notes.ts';

const FILE = 'desired-state.json';
/** Ample for more machines than a region has. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** The path of the cache in a state directory. */
export const desiredStateFile = (stateDir: string): string => join(stateDir, FILE);

/** Why the cache was not written. */
export interface CacheProblem {
  readonly file: string;
  readonly reason: string;
}

/** Reads the cached state, or returns the empty one. A damaged cache is reported to `onProblem`; the region's next state replaces it. */
export function readDesiredState(stateDir: string, onProblem: (note: RackNote) => void): DesiredState {
  const path = desiredStateFile(stateDir);
  try {
    const parsed = parseDesiredState(JSON.parse(readRegularFile(path, FILE_BYTES_MAX)));
    if (parsed.ok) return parsed.state;
    onProblem({ note: 'cache-invalid', file: path, ...parsed.fault });
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') onProblem({ note: 'cache-unread', file: path, reason: errorText(error) });
  }
  return EMPTY_DESIRED_STATE;
}

/** The kind of region that a cached state is from; an older cache, which does not name it, counts as `embedded`. */
type StateOrigin = 'embedded' | 'remote';

/** The cached state and its origin; undefined if there is none that can be read. */
export function readCachedState(
  stateDir: string,
): { readonly state: DesiredState; readonly origin: StateOrigin } | undefined {
  try {
    const value: unknown = JSON.parse(readRegularFile(desiredStateFile(stateDir), FILE_BYTES_MAX));
    const parsed = parseDesiredState(value);
    if (!parsed.ok) return undefined;
    const isRemote = typeof value === 'object' && value !== null && 'origin' in value && value.origin === 'remote';
    return { state: parsed.state, origin: isRemote ? 'remote' : 'embedded' };
  } catch {
    // `readDesiredState`, which loads the state for use, reports the reason.
    return undefined;
  }
}

/** When the cache was written, wall time in milliseconds; undefined if it does not exist, or cannot be read: `readDesiredState` says why. */
export const desiredStateTime = (stateDir: string): number | undefined =>
  seenStats(desiredStateFile(stateDir))?.mtimeMs;

/** Replaces the cache atomically. A failure is reported to `onProblem`; the state in memory stays in force. */
export function writeDesiredState(
  stateDir: string,
  state: DesiredState,
  origin: StateOrigin,
  onProblem: (problem: CacheProblem) => void,
): void {
  const path = desiredStateFile(stateDir);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeRegularFile(`${path}.part`, JSON.stringify({ ...state, origin }));
    renameSync(`${path}.part`, path);
  } catch (error) {
    onProblem({ file: path, reason: errorText(error) });
  }
}
