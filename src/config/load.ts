// Reads a configuration: adds the region's store to the file, checks each value, then all values together. It reports all problems at once,
// each with its path, and with its line or the store that owns it.

import { RackError } from '../errors.ts';
import { NO_SETTINGS, type Settings } from '../machines/settings.ts';
import { type ConfigFile, formatProblems, PROBLEMS_MAX, readConfigFile, readConfigText } from './config-file.ts';
import { OWN_WORDS } from './fault-words.ts';
import { type FileKind, inFileOrder, problemAt, reportIssues } from './file-problems.ts';
import { mergeSettings } from './merge.ts';
import type { ConfigProblem, RackConfig } from './rack-config.ts';
import { type ProblemPath, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { stateDirOf } from './state-dir.ts';
import { type WrittenConfig, writtenConfigSchema } from './written.ts';

/** A configuration that can be served, in all its forms. */
export interface UsableConfig {
  readonly config: RackConfig;
  /** Each value parsed, defaults filled in. */
  readonly written: WrittenConfig;
  /** File and store together, as written, without defaults. */
  readonly merged: Settings;
  readonly file: ConfigFile;
  /** The store's values; those that the file pins are not in force. */
  readonly stored: Settings;
}

export type ParsedConfig =
  | ({ readonly ok: true } & UsableConfig)
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const STORE_OF_REGION =
  'belongs in the file of a region that runs apart from its racks (`rackboot region check` checks it, `rackboot region run` runs it); the ' +
  'region of a rack keeps its data in region.db: remove it, or see docs/outgrowing.md';

const RACK_FILE: FileKind = {
  schema: writtenConfigSchema,
  example: 'config/rackboot.yaml',
  elsewhere: (path, key) => ([...path, key].join('.') === 'region.store' ? STORE_OF_REGION : undefined),
};

/** Parses the text of a configuration file and merges it with the store's values. */
export function parseConfig(text: string, stored: Settings = NO_SETTINGS): ParsedConfig {
  const read = readConfigFile(text);
  return read.ok ? resolveFile(read.file, stored) : read;
}

/** Checks a file and the store together. */
export function resolveFile(file: ConfigFile, stored: Settings): ParsedConfig {
  const merge = mergeSettings(file.values, stored);
  const problems: ConfigProblem[] = [];
  const report = (path: ProblemPath, message: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problemAt(path, message, merge, file));
  };
  for (const key of merge.notOwnable.slice(0, PROBLEMS_MAX)) {
    problems.push({ path: key, line: undefined, owner: 'store', message: 'only the configuration file may own this' });
  }
  const { merged } = merge;
  const written = writtenConfigSchema.safeParse(merged, OWN_WORDS);
  if (!written.success) {
    reportIssues(RACK_FILE, written.error, report);
    const rest = salvage(writtenConfigSchema, structuredClone(merged));
    if (rest !== undefined)
      resolveConfig(
        rest.written,
        (path, message) => rest.isTouched(path) || report(path, message),
        merge.fileInterfaces,
      );
    return { ok: false, problems: inFileOrder(problems) };
  }
  const config = resolveConfig(written.data, report, merge.fileInterfaces);
  return problems.length === 0
    ? { ok: true, config, written: written.data, merged, file, stored }
    : { ok: false, problems: inFileOrder(problems) };
}

/**
 * Reads a configuration file and merges it with the store's values. If they do not fit together, it uses the file alone, and `refused`
 * says why.
 *
 * @param stored returns the store's values known in this state directory
 * @throws RackError `config-unreadable`, `config-invalid` if the file alone cannot be served either
 */
export function loadFitting(
  path: string,
  stored: (stateDir: string) => Settings | undefined,
): { readonly usable: UsableConfig; readonly wanted: Settings; readonly refused: string | undefined } {
  const read = readConfigFile(readConfigText(path));
  if (!read.ok) throw new RackError('config-invalid', formatProblems(path, read.problems));
  const wanted = stored(stateDirOf(read.file.values)) ?? NO_SETTINGS;
  const merged = resolveFile(read.file, wanted);
  if (merged.ok) return { usable: merged, wanted, refused: undefined };
  const alone = resolveFile(read.file, NO_SETTINGS);
  if (!alone.ok) throw new RackError('config-invalid', formatProblems(path, alone.problems));
  return { usable: alone, wanted, refused: formatProblems(path, merged.problems) };
}

/** True if the configuration file has a remote region; the rest of the file may be invalid. */
export function isRegionElsewhere(path: string): boolean {
  const read = readConfigFile(readConfigText(path));
  const parsed = read.ok ? writtenConfigSchema.shape.region.safeParse(read.file.values.region) : undefined;
  return parsed?.success === true && parsed.data.mode === 'remote';
}
