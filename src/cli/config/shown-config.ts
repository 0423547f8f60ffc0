// The values of `rackboot config show` and `get`, each with its owner: of a rack, or of a region
// apart from its racks.
//
// 1. A region apart shows the keys of its own file. The store's values that only racks use follow them.
// 2. Without a daemon, the values are those that it would start with, without the settings of a
//    region in PostgreSQL.

import { formatProblems, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { listValues, showValue } from '../../config/difference.ts';
import { STORE_KEYS } from '../../config/keys.ts';
import { findValueOwner, type ValueOwner } from '../../config/ownership.ts';
import {
  loadRegionFile,
  type RegionFileConfig,
  resolveRegionFile,
  selectRegionSettings,
  type UsableRegionFile,
} from '../../config/region-file.ts';
import { isRegionFile } from '../../config/region-file-kind.ts';
import { findValueOrDefault } from '../../config/settings-rules.ts';
import { formatIpv4 } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import {
  findSetting,
  INTERFACES_KEY,
  NO_SETTINGS,
  parseSettingValue,
  type Settings,
  type SettingValue,
  valueAt,
  withValue,
} from '../../machines/settings.ts';
import { askValues, cachedSettings, findConfig } from '../terminal/config-in-force.ts';

const STORE_KEY = 'region.store';
const NOT_RUNNING = 'no daemon runs here; this is the configuration it would start with';

interface ShownValue {
  readonly key: string;
  /** On one line; a secret is hidden. */
  readonly value: string;
  readonly owner: ValueOwner;
}

export interface ShownConfig {
  readonly path: string;
  readonly values: readonly ShownValue[];
  /** The value in force at a key, in the form of the file. */
  readonly find: (key: string) => SettingValue | undefined;
  /** A remark on these values; undefined if a daemon has them in force. */
  readonly note: string | undefined;
  /** Why the latest configuration is refused. */
  readonly refused: string | undefined;
}

/**
 * Finds the configuration of the daemon of this file or, without a daemon, the one that it would
 * start with. @throws RackError as `findConfig`
 */
export async function findShownConfig(file: string): Promise<ShownConfig> {
  const answer = await askValues(file).catch((error: unknown) => {
    if (error instanceof RackError && error.code === 'not-running') return undefined;
    throw error;
  });
  if (answer?.uuid === '') {
    const { path, stored, store, refused } = answer;
    const values =
      Object.keys(store).length === 0 ? answer.file.values : withValue(answer.file.values, STORE_KEY, store);
    const parsed = resolveRegionFile({ ...answer.file, values }, selectRegionSettings(stored));
    if (!parsed.ok) throw new RackError('config-invalid', formatProblems(path, parsed.problems));
    return { path, refused, note: undefined, ...regionValues(parsed, stored) };
  }
  if (answer === undefined && isRegionFile(file)) return showStoppedRegion(file);
  const config = await findConfig(file);
  const { path, refused, merged } = config;
  return {
    path,
    refused,
    note: config.uuid === undefined ? `${NOT_RUNNING}.` : undefined,
    values: [...listValues(config)].map(([key, value]) => ({ key, value, owner: findValueOwner(config, key) })),
    find: (key) => (key.startsWith(`${INTERFACES_KEY}.`) ? findSetting(merged, key) : findValueOrDefault(key, merged)),
  };
}

function showStoppedRegion(file: string): ShownConfig {
  const alone = loadRegionFile(file);
  const hasLocalStore = alone.config.store.kind === 'sqlite';
  const stored = hasLocalStore ? cachedSettings(alone.config.stateDir) : NO_SETTINGS;
  const read = readConfigFile(readConfigText(file, 'region'));
  const parsed = read.ok ? resolveRegionFile(read.file, selectRegionSettings(stored)) : read;
  return {
    path: file,
    refused: parsed.ok ? undefined : formatProblems(file, parsed.problems),
    note: hasLocalStore ? `${NOT_RUNNING}.` : `${NOT_RUNNING}, without the settings in its database.`,
    ...regionValues(parsed.ok ? parsed : alone, stored),
  };
}

/** @param stored all stored values, also those that only racks use */
function regionValues(region: UsableRegionFile, stored: Settings): Pick<ShownConfig, 'values' | 'find'> {
  const { written, merged } = region;
  const computed = new Map(computedDefaults(region.config).filter(([key]) => valueAt(merged, key) === undefined));
  const values = new Map([
    ...listValues(region),
    ...[...computed].map(([key, value]) => [key, showValue(key, value)] as const),
  ]);
  const sections = [...new Set([...values.keys()].map(settingSection))];
  const fileValues = [...values].map(([key, value]) => ({ key, value, owner: findValueOwner(region, key) }));
  const regionSettings = selectRegionSettings(stored);
  const rackValues = STORE_KEYS.flatMap((key) => {
    const value = valueAt(regionSettings, key) === undefined ? valueAt(stored, key) : undefined;
    return value === undefined ? [] : [{ key, value: showValue(key, value), owner: { kind: 'store' } as const }];
  });
  const defaults: unknown = written;
  return {
    values: [
      ...fileValues.toSorted(
        (a, b) => sections.indexOf(settingSection(a.key)) - sections.indexOf(settingSection(b.key)),
      ),
      ...rackValues,
    ],
    find: (key) =>
      valueAt(merged, key) ??
      computed.get(key) ??
      valueAt(stored, key) ??
      parseSettingValue(scalarAt(defaults, key)) ??
      findValueOrDefault(key, NO_SETTINGS),
  };
}

const settingSection = (key: string): string => key.split('.')[0] ?? '';

/** Defaults that depend on other values or on the host. */
function computedDefaults({
  name,
  region,
  metrics,
  store,
}: RegionFileConfig): readonly (readonly [string, SettingValue])[] {
  const formatEndpoints = (list: readonly { readonly host: string; readonly port: number }[]): SettingValue =>
    list.map(({ host, port }) => `${host}:${port}`);
  return [
    ['name', name],
    ['region.listen', formatEndpoints(region.listen)],
    ...(region.tls === undefined ? [] : [['region.tls.listen', formatEndpoints(region.tls.listen)] as const]),
    ...(store.kind === 'postgresql' ? [[`${STORE_KEY}.pool`, store.pool] as const] : []),
    [
      'metrics.listen',
      formatEndpoints(metrics.listen.map(({ address, port }) => ({ host: formatIpv4(address), port }))),
    ],
  ];
}

/**
 * The value at a key, unless it is a map or a list with entries: these look different as written
 * and as used.
 */
function scalarAt(value: unknown, key: string): unknown {
  let nested = value;
  for (const segment of key.split('.'))
    nested = typeof nested === 'object' && nested !== null ? Reflect.get(nested, segment) : undefined;
  const isScalar = typeof nested !== 'object' || (Array.isArray(nested) && nested.length === 0);
  return isScalar ? nested : undefined;
}
