// Merges the file and the store into one configuration, still as written.
//
// 1. The file wins, key by key. A cluster interface counts as one key, by its name.
// 2. The store must hold only keys that it may own. Any other key is a problem, and then nothing
//    from the store is used.
// 3. Merging changes neither the file's values nor the store's.

import { type Fields, isFields } from '../ground/fields.ts';
import {
  INTERFACES_KEY,
  interfaceName,
  isSettings,
  listInterfaces,
  type Settings,
  type SettingValue,
  valueAt,
  withValue,
} from '../machines/settings.ts';
import { findKeyRule, hasRuleBelow, STORE_KEYS } from './keys.ts';

export interface MergedSettings {
  readonly merged: Settings;
  /** Keys that come from the store; a cluster interface by its name. */
  readonly storeKeys: ReadonlySet<string>;
  /** The number of the file's cluster interfaces; the store's follow. */
  readonly fileInterfaceCount: number;
  /** Keys in the store that it may not own. */
  readonly notOwnable: readonly string[];
}

/** Adds the store's values for keys that the file does not set. */
export function mergeSettings(file: Settings, storedSettings: Settings): MergedSettings {
  let merged = file;
  const storeKeys = new Set<string>();
  for (const key of STORE_KEYS) {
    const value = key === INTERFACES_KEY ? undefined : valueAt(storedSettings, key);
    if (value === undefined || isWritten(file, key)) continue;
    merged = withValue(merged, key, value);
    storeKeys.add(key);
  }
  const fileEntries = listInterfaces(file);
  const storedEntries =
    isWritten(file, INTERFACES_KEY) && !Array.isArray(file[INTERFACES_KEY]) ? [] : listInterfaces(storedSettings);
  const names = new Set(fileEntries.map(interfaceName));
  const addedEntries = storedEntries.filter((entry) => !names.has(interfaceName(entry)));
  if (addedEntries.length > 0) merged = { ...merged, [INTERFACES_KEY]: [...fileEntries, ...addedEntries] };
  for (const entry of addedEntries) storeKeys.add(`${INTERFACES_KEY}.${interfaceName(entry)}`);
  const notOwnable = listLeafKeys(storedSettings).filter((key) => findKeyRule(key)?.owner !== 'either');
  return { merged, storeKeys, fileInterfaceCount: fileEntries.length, notOwnable };
}

/**
 * The file's keys that the store could own if the file did not set them: `dns.upstream`,
 * `cluster_interfaces.lab`.
 */
export function listPinnedKeys(file: Settings): readonly string[] {
  const keys = STORE_KEYS.filter((key) => key !== INTERFACES_KEY && isWritten(file, key));
  return [...keys, ...listInterfaces(file).map((entry) => `${INTERFACES_KEY}.${interfaceName(entry)}`)];
}

/**
 * True if the file has the key, or a value above it that is not a mapping: a mistake to be
 * corrected in the file.
 */
export function isWritten(file: Settings, key: string): boolean {
  let value: SettingValue | undefined = file;
  for (const part of key.split('.')) {
    if (!isSettings(value)) return true;
    if (!Object.hasOwn(value, part)) return false;
    value = value[part];
  }
  return true;
}

/**
 * The keys that hold values. A key with a rule holds a value, unless a key below it has its own
 * rule: `tftp` is the file's, but `tftp.allow` is not.
 */
export function listLeafKeys(fields: Fields, prefix = ''): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    return isFields(value) && (findKeyRule(key) === undefined || hasRuleBelow(key)) ? listLeafKeys(value, key) : [key];
  });
}
