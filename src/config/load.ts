// Reads a configuration: adds the region's store to the file, checks each value, then all values together. It reports all problems at once,
// each with its path, and with its line or the store that owns it.

import { RackError } from '../errors.ts';
import { INTERFACES_KEY, interfacesOf, NO_SETTINGS, nameOf, type Settings } from '../machines/settings.ts';
import { type ConfigFile, formatProblems, PROBLEMS_MAX, readConfigFile, readConfigText } from './config-file.ts';
import { faultText, OWN_WORDS } from './fault-words.ts';
import { isSecretKey } from './keys.ts';
import { type MergedSettings, mergeSettings } from './merge.ts';
import type { ConfigProblem, RackConfig } from './rack-config.ts';
import { type ProblemPath, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { unknownKeyText } from './sibling-keys.ts';
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
    for (const issue of written.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys) report([...path, key], unknownKeyText(writtenConfigSchema, path, key));
      else report(path, faultText(issue, isSecretKey(formatPath(path))));
    }
    const rest = salvage(structuredClone(merged));
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

/** A problem at a path of the merged configuration, at the place where its owner would look for it. */
function problemAt(path: ProblemPath, message: string, merge: MergedSettings, file: ConfigFile): ConfigProblem {
  const [first, second, ...rest] = path;
  if (first === INTERFACES_KEY && typeof second === 'number' && second >= merge.fileInterfaces) {
    const name = nameOf(interfacesOf(merge.merged)[second] ?? null);
    return { path: formatPath([INTERFACES_KEY, name, ...rest]), line: undefined, owner: 'store', message };
  }
  const isStored = path.some((_part, depth) => merge.fromStore.has(path.slice(0, depth + 1).join('.')));
  if (isStored) return { path: formatPath(path), line: undefined, owner: 'store', message };
  return { path: formatPath(path), line: file.lineOf(path), message };
}

/** Sorts by line; problems of the whole file come first. */
function inFileOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
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

/** A path in messages: `cluster_interfaces[0].ip_range_low`. */
function formatPath(path: ProblemPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
