// The desired state on disk, so that a rack whose region is away boots, addresses and names the machines it knows.

import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, osErrorCode } from '../errors.ts';
import { readRegularFile, writeRegularFile } from '../files/regular-file.ts';
import { parseDesiredState } from '../machines/desired-state.ts';
import { type DesiredState, EMPTY_DESIRED_STATE } from '../machines/machine.ts';

const FILE = 'desired-state.json';
/** Room for far more machines than a region has. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** Where the state of a rack with this state directory is cached. */
export const desiredStateFile = (stateDir: string): string => join(stateDir, FILE);

/** What was cached last, or the empty state; a damaged cache is told to `onProblem` and replaced by what the region says next. */
export function readDesiredState(stateDir: string, onProblem: (text: string) => void): DesiredState {
  const path = desiredStateFile(stateDir);
  try {
    const parsed = parseDesiredState(JSON.parse(readRegularFile(path, FILE_BYTES_MAX)));
    if (parsed.ok) return parsed.state;
    onProblem(`${path}: ${parsed.reason}`);
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') onProblem(`${path}: ${errorText(error)}`);
  }
  return EMPTY_DESIRED_STATE;
}

/** When the cache was written: wall time in milliseconds; undefined: there is none. */
export function desiredStateTime(stateDir: string): number | undefined {
  return statSync(desiredStateFile(stateDir), { throwIfNoEntry: false })?.mtimeMs;
}

/** Replaces the cache in one step; a failure is told to `onProblem`, the state in memory stays in force. */
export function writeDesiredState(stateDir: string, state: DesiredState, onProblem: (text: string) => void): void {
  const path = desiredStateFile(stateDir);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeRegularFile(`${path}.part`, JSON.stringify(state));
    renameSync(`${path}.part`, path);
  } catch (error) {
    onProblem(`${path}: ${errorText(error)}`);
  }
}
