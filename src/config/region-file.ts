// The configuration file of a region that runs apart from a rack (`rackboot region run`): its
// schema, its checks, and its merge with the region's store. It has the form of a rack's file, with
// only the keys that concern the region.
//
// 1. A key that only racks have is a problem, reported with the remedy: a region must not silently
//    serve less than its file says.
// 2. The store also holds settings for the racks. Keys that the region's file cannot have are ignored here.

import { join } from 'node:path';
import { z } from 'zod';
import { LOOPBACK } from '../ground/address.ts';
import { RackError } from '../ground/errors.ts';
import { NO_SETTINGS, type Settings, valueAt, withValue } from '../machines/settings.ts';
import { type ConfigFile, formatProblems, readConfigFile, readConfigText } from './config-file.ts';
import { STORE_KEYS } from './keys.ts';
import type { RackConfig } from './rack-config.ts';
import { resolveListeners } from './region-place.ts';
import { type RegionStoreConfig, resolveStore, storeSchema } from './region-store.ts';
import { type ProblemPath, type ReportProblem, resolveProcess } from './resolve.ts';
import { type ParsedFile, resolveForm, type UsableFile } from './resolve-file.ts';
import { listKeysAt } from './sibling-keys.ts';
import { writtenConfigSchema } from './written.ts';

const { shape } = writtenConfigSchema;

/**
 * The port of a region's metrics: not the default port of a rack's, so that both fit on one host.
 */
const REGION_METRICS_PORT = 5250;

const ABSOLUTE = { error: 'expected an absolute path such as /var/lib/rackboot-region' };
const absolutePath = z.string(ABSOLUTE).startsWith('/', ABSOLUTE);

const regionFileSchema = writtenConfigSchema
  .pick({
    name: true,
    http_proxy: true,
    enable_http_proxy: true,
    deployment: true,
    preseeds: true,
    metrics: true,
    log: true,
  })
  .extend({
    // No default: a rack on the same host keeps its state in the default one.
    state_dir: absolutePath,
    dns: shape.dns.unwrap().pick({ domain: true }).prefault({}),
    boot: shape.boot.unwrap().pick({ kernel_params: true }).prefault({}),
    enlistment: shape.enlistment.unwrap().pick({ name: true }).prefault({}),
    region: shape.region
      .unwrap()
      .omit({ mode: true, url: true, api_key_file: true, ca_file: true })
      .extend({ store: storeSchema.prefault({}) })
      .prefault({}),
  });

/** A schema for checking the other values of a file without a state directory. */
const salvageSchema = regionFileSchema.extend({ state_dir: absolutePath.default('/') });

type WrittenRegionFile = z.output<typeof regionFileSchema>;

/** The configuration of a region's process, as used. */
export interface RegionFileConfig extends Pick<RackConfig, 'name' | 'stateDir' | 'metrics' | 'log' | 'region'> {
  readonly store: RegionStoreConfig;
}

/** The configuration of a region's process, in all its forms. */
export type UsableRegionFile = UsableFile<RegionFileConfig, WrittenRegionFile>;

/** Keys below `region` that only a rack's file has, each with the remedy. */
const ONLY_OF_RACKS: ReadonlyMap<string, string> = new Map([
  ['region.mode', 'belongs in the file of a rack: this process is the region itself; remove it'],
  ['region.url', 'belongs in the files of the racks, which reach this region by it: move it there'],
  ['region.api_key_file', 'belongs in the file of a rack: move it there'],
  ['region.ca_file', 'belongs in the file of a rack, which verifies this region with it: move it there'],
]);

/** The remedy for a key that only a rack's file has; `undefined` if a rack's file does not have it either. */
function findRackRemedy(path: ProblemPath, key: string): string | undefined {
  const reason = ONLY_OF_RACKS.get([...path, key].join('.'));
  if (reason !== undefined) return reason;
  return listKeysAt(writtenConfigSchema, path).includes(key)
    ? 'belongs in the file of a rack, not in that of a region apart from it: move it there'
    : undefined;
}

/** The stored values of the keys that a region's file has, too. */
export function selectRegionSettings(storedSettings: Settings): Settings {
  let selected = NO_SETTINGS;
  for (const key of STORE_KEYS) {
    const value = valueAt(storedSettings, key);
    const [lastPart = '', path] = [key.split('.').at(-1), key.split('.').slice(0, -1)];
    if (value !== undefined && listKeysAt(regionFileSchema, path).includes(lastPart))
      selected = withValue(selected, key, value);
  }
  return selected;
}

/**
 * Checks a region's file and the store together.
 * @param storedSettings as `selectRegionSettings` returns it
 */
export const resolveRegionFile = (
  file: ConfigFile,
  storedSettings: Settings,
): ParsedFile<RegionFileConfig, WrittenRegionFile> =>
  resolveForm(
    {
      schema: regionFileSchema,
      salvageSchema,
      example: 'config/region.yaml',
      findElsewhereRemedy: findRackRemedy,
      resolve: resolveWritten,
    },
    file,
    storedSettings,
  );

function resolveWritten(written: WrittenRegionFile, report: ReportProblem): RegionFileConfig {
  const { region } = written;
  return {
    ...resolveProcess(written, REGION_METRICS_PORT, {
      ...resolveListeners(region, [LOOPBACK], (key, message) => report(['region', key], message)),
      // The networks are those of the accepted racks.
      managedNetworks: [],
      imageStore: join(written.state_dir, 'boot'),
    }),
    store: resolveStore(region.store, (key, message) => report(['region', 'store', key], message)),
  };
}

/**
 * Reads a region's configuration file, without the store.
 * @throws RackError `config-unreadable`, `config-invalid`
 */
export function loadRegionFile(path: string): UsableRegionFile {
  const readResult = readConfigFile(readConfigText(path, 'region'));
  const parsed = readResult.ok ? resolveRegionFile(readResult.file, NO_SETTINGS) : readResult;
  if (!parsed.ok) throw new RackError('config-invalid', formatProblems(path, parsed.problems));
  return parsed;
}
