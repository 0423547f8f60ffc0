// The configuration that a command works on: the running daemon's, or without a daemon the one it would start with.

import { closeSync } from 'node:fs';
import { z } from 'zod';
import { formatProblems, loadPlace, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { loadFitting } from '../../config/load.ts';
import { isRegionFile } from '../../config/region-store.ts';
import { resolveFile, type UsableConfig } from '../../config/resolve-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { RackError, type RackErrorCode } from '../../errors.ts';
import { isOwnershipError, ownUserName, readerRemedy } from '../../files/ownership.ts';
import { openRegularFile } from '../../files/regular-file.ts';
import { NO_SETTINGS, parseSettings, type Settings } from '../../machines/settings.ts';
import { desiredStateFile, readDesiredState } from '../../uplink/desired-state-cache.ts';
import { printError } from './output.ts';

const answerShape = z.object({
  uuid: z.string(),
  file: z.string(),
  values: z.unknown(),
  stored: z.unknown(),
  /** `region.store` of a region apart from its racks. A rack, and an older region, do not send it. */
  store: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  refused: z.string().nullable(),
});

/** A configuration, and where it was found. */
export interface FoundConfig extends UsableConfig {
  /** The daemon's configuration file. */
  readonly path: string;
  /** The rack's UUID; undefined: no daemon runs. */
  readonly uuid: string | undefined;
  /** `region.store` as written; empty for a rack. */
  readonly store: Readonly<Record<string, string | number>>;
  /** Why the daemon refuses the latest configuration; undefined: it does not. */
  readonly refused: string | undefined;
}

/** The settings of the region's store, as cached for this rack. */
export const cachedSettings = (stateDir: string): Settings =>
  readDesiredState(stateDir, () => undefined).settings ?? NO_SETTINGS;

/** Why this user cannot read the cached store, with the remedy; undefined: it is readable, or absent. */
export function hiddenStoreText(stateDir: string): string | undefined {
  const path = desiredStateFile(stateDir);
  try {
    closeSync(openRegularFile(path, 'read'));
    return undefined;
  } catch (error) {
    if (!isOwnershipError(error)) return undefined;
    return `${ownUserName()} may not read ${path}: ${readerRemedy(stateDir)}`;
  }
}

/** The note of a command that continues without the store because this user cannot read it; undefined if no note is needed. */
export function leftOutNote(stateDir: string): string | undefined {
  const hidden = hiddenStoreText(stateDir);
  return hidden === undefined ? undefined : `the region's store is ignored: ${hidden}`;
}

/**
 * The configuration that a daemon would start with. If the settings of the store do not fit the file, it uses the file alone and warns on
 * standard error.
 *
 * @throws RackError as `loadFitting`, `bad-argument` for the file of a region apart from its racks
 */
export function loadMerged(file: string): UsableConfig {
  refuseRegionFile(file, 'run this command on the host of a rack');
  const { usable, refused } = loadFitting(file, cachedSettings);
  if (refused !== undefined) {
    printError(`${refused}\nThe settings of the region's store are ignored; rackboot config show lists them.`);
  }
  return usable;
}

/** The configuration in force in the daemon of this file. @throws RackError as `askDaemon` */
export async function askConfig(file: string): Promise<FoundConfig> {
  const answer = answerShape.parse(await askDaemon(loadPlace(file).stateDir, '/config'));
  const values = settingsOf(answer.values);
  const onDisk = readConfigFile(readConfigText(file));
  const lineOf = onDisk.ok ? onDisk.file.lineOf : () => undefined;
  const parsed = resolveFile({ values, lineOf }, settingsOf(answer.stored));
  if (!parsed.ok) throw new RackError('config-invalid', formatProblems(answer.file, parsed.problems));
  const { file: from, uuid, store, refused } = answer;
  return { ...parsed, path: from, uuid, store, refused: refused ?? undefined };
}

/**
 * The same, or without a daemon the configuration it would start with.
 * @param instead the failures after which the file is read instead
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
      'start it first for a command about the region, and run one about a rack on the host of that rack',
    );
    const { usable, refused } = loadFitting(file, cachedSettings);
    return { ...usable, path: file, uuid: undefined, store: {}, refused };
  }
}

/** @throws RackError `bad-argument` for the file of a region apart from its racks */
function refuseRegionFile(file: string, remedy: string): void {
  if (isRegionFile(file))
    throw new RackError('bad-argument', `${file} is the file of a region without a rack: ${remedy}`);
}

function settingsOf(value: unknown): Settings {
  const parsed = parseSettings(value);
  if (!parsed.ok) throw new RackError('not-running', `the daemon's configuration cannot be read: ${parsed.reason}`);
  return parsed.settings;
}
