// The configuration that a command works on: the running daemon's, or without a daemon the one it
// would start with.

import { closeSync, openSync } from 'node:fs';
import { z } from 'zod';
import {
  type ConfigFile,
  formatProblems,
  loadStateDir,
  readConfigFile,
  readConfigText,
} from '../../config/config-file.ts';
import { loadWithFallback } from '../../config/load.ts';
import { selectRegionSettings } from '../../config/region-file.ts';
import { isRegionFile } from '../../config/region-file-kind.ts';
import { resolveFile, type UsableConfig } from '../../config/resolve-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { composeReaderRemedy, findOwnUserName, isOwnershipError } from '../../files/ownership.ts';
import { RackError, type RackErrorCode } from '../../ground/errors.ts';
import { NO_SETTINGS, parseSettings, type Settings } from '../../machines/settings.ts';
import { desiredStateFile, readDesiredState } from '../../uplink/desired-state-cache.ts';
import { printError } from './output.ts';

const answerShape = z.object({
  uuid: z.string(),
  file: z.string(),
  values: z.unknown(),
  stored: z.unknown(),
  /** Of a region apart from its racks; an older one does not send it. */
  store: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  refused: z.string().nullable(),
});

export interface FoundConfig extends UsableConfig {
  readonly path: string;
  /** The rack's UUID; undefined: no daemon runs. */
  readonly uuid: string | undefined;
  /** Why the daemon refuses the latest configuration. */
  readonly refused: string | undefined;
}

interface AnsweredConfig {
  readonly path: string;
  /** The rack's UUID; empty: it is a region apart from its racks. */
  readonly uuid: string;
  /** The values in force from the file, without `region.store`, with the line numbers of the present file. */
  readonly file: ConfigFile;
  /** A region apart also has those that only racks use. */
  readonly stored: Settings;
  /** Empty for a rack. */
  readonly store: Settings;
  /** Why the daemon refuses the latest configuration. */
  readonly refused: string | undefined;
}

/** The settings as cached for this rack. */
export const cachedSettings = (stateDir: string): Settings =>
  readDesiredState(stateDir, () => undefined).settings ?? NO_SETTINGS;

/** Why this user cannot read the cached store; undefined: it is readable, or absent. */
export function hiddenStoreText(stateDir: string): string | undefined {
  const path = desiredStateFile(stateDir);
  try {
    // access(2) would judge the real user, not the effective one.
    closeSync(openSync(path, 'r'));
    return undefined;
  } catch (error) {
    if (!isOwnershipError(error)) return undefined;
    return `${findOwnUserName()} may not read ${path}: ${composeReaderRemedy(stateDir)}`;
  }
}

/** The note of a command that continues without the store. */
export function leftOutNote(stateDir: string): string | undefined {
  const hidden = hiddenStoreText(stateDir);
  return hidden === undefined ? undefined : `the region's store is ignored: ${hidden}`;
}

/**
 * The configuration that a daemon would start with: the file alone, with a warning, if the store's
 * settings do not fit it.
 *
 * @throws RackError as `loadWithFallback`, `bad-argument` for the file of a region apart from its racks
 */
export function loadMerged(file: string): UsableConfig {
  refuseRegionFile(file, 'run this command on the host of a rack');
  const { usable, refused } = loadWithFallback(file, cachedSettings);
  if (refused !== undefined) {
    printError(`${refused}\nThe settings of the region's store are ignored; rackboot config show lists them.`);
  }
  return usable;
}

/** Asks the daemon of this file. @param isReported as for `loadStateDir` @throws RackError as `askDaemon` */
export async function askValues(file: string, isTold?: boolean): Promise<AnsweredConfig> {
  const answer = answerShape.parse(await askDaemon(loadStateDir(file, isTold).stateDir, '/config'));
  const onDisk = readConfigFile(readConfigText(file));
  const findLine = onDisk.ok ? onDisk.file.findLine : () => undefined;
  const { file: path, uuid, store, refused } = answer;
  const [values, stored] = [parseDaemonSettings(answer.values), parseDaemonSettings(answer.stored)];
  return { path, uuid, file: { values, findLine }, stored, store, refused: refused ?? undefined };
}

/**
 * The configuration in force in the daemon of this file, in the form of a rack's even if it is a region's.
 * @throws RackError as `askDaemon`
 */
export async function askConfig(file: string, isTold?: boolean): Promise<FoundConfig> {
  const { path, uuid, file: inForce, stored, refused } = await askValues(file, isTold);
  const parsed = resolveFile(inForce, uuid === '' ? selectRegionSettings(stored) : stored);
  if (!parsed.ok) throw new RackError('config-invalid', formatProblems(path, parsed.problems));
  return { ...parsed, stored, path, uuid, refused };
}

/**
 * As `loadMerged`; if the file is refused and a daemon runs on with its former configuration, that
 * one, with a warning.
 */
export async function loadServed(file: string): Promise<UsableConfig> {
  try {
    return loadMerged(file);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'config-invalid')) throw error;
    const daemonConfig = await askConfig(file, true).catch(() => undefined);
    if (daemonConfig === undefined) throw error;
    printError(
      `${error.message}\nThis file is refused. The running Rackboot keeps its former configuration, which is used here.`,
    );
    return daemonConfig;
  }
}

/**
 * As `askConfig`; without a daemon, the configuration that one would start with.
 * @param instead the failures after which the file is read
 */
export async function findConfig(
  file: string,
  instead: readonly RackErrorCode[] = ['not-running'],
): Promise<FoundConfig> {
  try {
    return await askConfig(file);
  } catch (error) {
    if (!(error instanceof RackError) || !instead.includes(error.code)) throw error;
    refuseRegionFile(
      file,
      'for a command about the region, start it first; run a command about a rack on the host of that rack',
    );
    const { usable, refused } = loadWithFallback(file, cachedSettings);
    return { ...usable, path: file, uuid: undefined, refused };
  }
}

function refuseRegionFile(file: string, remedy: string): void {
  if (isRegionFile(file))
    throw new RackError('bad-argument', `${file} is the file of a region without a rack: ${remedy}`);
}

function parseDaemonSettings(value: unknown): Settings {
  const parsed = parseSettings(value);
  if (!parsed.ok) throw new RackError('not-running', `the daemon's configuration cannot be read: ${parsed.problem}`);
  return parsed.settings;
}
