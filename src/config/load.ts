// Reads a configuration: the file's text, with the values of the region's store (`resolve-file.ts`).

import { RackError } from '../ground/errors.ts';
import { NO_SETTINGS, type Settings, settingsWithoutCredentials } from '../machines/settings.ts';
import { formatProblems, readConfigFile, readConfigText } from './config-file.ts';
import { type ParsedConfig, resolveFile, type UsableConfig } from './resolve-file.ts';
import { chooseStateDir } from './state-dir.ts';
import { writtenConfigSchema } from './written.ts';

/** Parses the text of a configuration file and merges it with the store's values. */
export function parseConfig(text: string, storedSettings: Settings = NO_SETTINGS): ParsedConfig {
  const readResult = readConfigFile(text);
  return readResult.ok ? resolveFile(readResult.file, storedSettings) : readResult;
}

/**
 * Reads a configuration file and merges it with the store's values; if they do not fit together,
 * uses the file alone and says why in `refused`.
 * @param readStored returns the store's values as cached in a state directory
 * @throws RackError `config-unreadable`, `config-invalid` if the file alone cannot be served either
 */
export function loadWithFallback(
  path: string,
  readStored: (stateDir: string) => Settings | undefined,
): { readonly usable: UsableConfig; readonly storedSettings: Settings; readonly refused: string | undefined } {
  const readResult = readConfigFile(readConfigText(path));
  if (!readResult.ok) throw new RackError('config-invalid', formatProblems(path, readResult.problems));
  const storedSettings = settingsWithoutCredentials(readStored(chooseStateDir(readResult.file.values)) ?? NO_SETTINGS);
  const mergedFile = resolveFile(readResult.file, storedSettings);
  if (mergedFile.ok) return { usable: mergedFile, storedSettings, refused: undefined };
  const fileOnly = resolveFile(readResult.file, NO_SETTINGS);
  if (!fileOnly.ok) throw new RackError('config-invalid', formatProblems(path, fileOnly.problems));
  return { usable: fileOnly, storedSettings, refused: formatProblems(path, mergedFile.problems) };
}

/** True if the configuration file has a remote region; the rest of the file may be invalid. */
export function isRegionElsewhere(path: string): boolean {
  const readResult = readConfigFile(readConfigText(path));
  const parsed = readResult.ok ? writtenConfigSchema.shape.region.safeParse(readResult.file.values.region) : undefined;
  return parsed?.success === true && parsed.data.mode === 'remote';
}
