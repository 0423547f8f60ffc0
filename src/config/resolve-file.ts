// Checks the values of a configuration file and of the region's store: first one by one, then
// together. Reports all problems at once, each with its path and with its line or the store that
// owns the value. Loads no YAML parser, because the region's thread also checks settings.

import type { z } from 'zod';
import type { Settings } from '../machines/settings.ts';
import type { ConfigFile } from './config-file.ts';
import { OWN_MESSAGES } from './fault-words.ts';
import { type FileKind, locateProblem, reportIssues, sortProblems } from './file-problems.ts';
import { type MergedSettings, mergeSettings } from './merge.ts';
import type { AddressesOf } from './option-list.ts';
import { type ConfigProblem, PROBLEMS_MAX, type RackConfig } from './rack-config.ts';
import { type ReportProblem, resolveConfig } from './resolve.ts';
import { salvage } from './salvage.ts';
import { type WrittenConfig, writtenConfigSchema } from './written.ts';

/** A configuration that can be used, in all its forms. */
export interface UsableFile<Config, Written> {
  readonly config: Config;
  /** Each value parsed, defaults filled in. */
  readonly written: Written;
  /** File and store together, as written, without defaults. */
  readonly merged: Settings;
  readonly file: ConfigFile;
  /** The store's values; those of keys that the file sets are not in force. */
  readonly stored: Settings;
}
export type ParsedFile<Config, Written> =
  | ({ readonly ok: true } & UsableFile<Config, Written>)
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A rack's configuration. */
export type UsableConfig = UsableFile<RackConfig, WrittenConfig>;
export type ParsedConfig = ParsedFile<RackConfig, WrittenConfig>;

interface FileForm<Config, Written> extends FileKind {
  readonly schema: z.ZodType<Written>;
  /** Checks the other values of a file whose values are not all valid. */
  readonly salvageSchema: z.ZodType<Written>;
  readonly resolve: (written: Written, report: ReportProblem, merge: MergedSettings) => Config;
}

/** Checks a file of this form and the store together. */
export function resolveForm<Config, Written>(
  form: FileForm<Config, Written>,
  file: ConfigFile,
  storedSettings: Settings,
): ParsedFile<Config, Written> {
  const merge = mergeSettings(file.values, storedSettings);
  const problems: ConfigProblem[] = [];
  const report: ReportProblem = (path, message) => {
    if (problems.length < PROBLEMS_MAX) problems.push(locateProblem(path, message, merge, file));
  };
  for (const key of merge.notOwnable.slice(0, PROBLEMS_MAX)) {
    problems.push({ path: key, line: undefined, owner: 'store', message: 'only the configuration file may own this' });
  }
  const { merged } = merge;
  const written = form.schema.safeParse(merged, OWN_MESSAGES);
  if (!written.success) {
    reportIssues(form, written.error, report);
    const salvaged = salvage(form.salvageSchema, structuredClone(merged));
    if (salvaged !== undefined)
      form.resolve(salvaged.written, (path, message) => salvaged.isTouched(path) || report(path, message), merge);
    return { ok: false, problems: sortProblems(problems) };
  }
  const config = form.resolve(written.data, report, merge);
  return problems.length === 0
    ? { ok: true, config, written: written.data, merged, file, stored: storedSettings }
    : { ok: false, problems: sortProblems(problems) };
}

const STORE_OF_REGION =
  'belongs in the file of a region that runs apart from its racks (`rackboot region check` checks it, `rackboot region run` runs it); the ' +
  'region of a rack keeps its data in region.db: remove it, or see docs/outgrowing.md';

/**
 * Checks a rack's file and the store together.
 * @param addressesOf the known addresses of the servers that they name; `undefined` if nothing is
 * known
 */
export const resolveFile = (file: ConfigFile, storedSettings: Settings, addressesOf?: AddressesOf): ParsedConfig =>
  resolveForm(
    {
      schema: writtenConfigSchema,
      salvageSchema: writtenConfigSchema,
      example: 'config/rackboot.yaml',
      findElsewhereRemedy: (path, key) => ([...path, key].join('.') === 'region.store' ? STORE_OF_REGION : undefined),
      resolve: (written, report, { fileInterfaceCount }) =>
        resolveConfig(written, report, fileInterfaceCount, addressesOf),
    },
    file,
    storedSettings,
  );
