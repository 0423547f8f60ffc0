// Checks the values of a configuration file and of the region's store: first one by one, then together. Reports all problems at once, each
// with its path and with its line or the store that owns the value. Loads no YAML parser, because the region's thread also checks settings.

import type { Settings } from '../machines/settings.ts';
import type { ConfigFile } from './config-file.ts';
import { OWN_WORDS } from './fault-words.ts';
import { type FileKind, inFileOrder, problemAt, reportIssues } from './file-problems.ts';
import { mergeSettings } from './merge.ts';
import type { AddressesOf } from './option-list.ts';
import { type ConfigProblem, PROBLEMS_MAX, type RackConfig } from './rack-config.ts';
import { type ProblemPath, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { type WrittenConfig, writtenConfigSchema } from './written.ts';

/** A configuration that can be served, in all its forms. */
export interface UsableConfig {
  readonly config: RackConfig;
  /** Each value parsed, defaults filled in. */
  readonly written: WrittenConfig;
  /** File and store together, as written, without defaults. */
  readonly merged: Settings;
  readonly file: ConfigFile;
  /** The store's values; those of keys that the file sets are not in force. */
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

/** Checks a file and the store together. @param addressesOf what is known of the servers that they name; undefined: nothing */
export function resolveFile(file: ConfigFile, stored: Settings, addressesOf?: AddressesOf): ParsedConfig {
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
  const config = resolveConfig(written.data, report, merge.fileInterfaces, addressesOf);
  return problems.length === 0
    ? { ok: true, config, written: written.data, merged, file, stored }
    : { ok: false, problems: inFileOrder(problems) };
}
