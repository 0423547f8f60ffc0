// The file and the store made one configuration, still as written.
//
// 1. What the file writes wins, key by key; a cluster interface is a key by its name.
// 2. The store owns only keys that it may own; any other is a problem, and then nothing of the store is used.
// 3. Neither the file's values nor the store's are changed.

import {
  INTERFACES_KEY,
  interfacesOf,
  isSettings,
  nameOf,
  type Settings,
  type SettingValue,
  valueAt,
  withValue,
} from '../machines/settings.ts';
import { findKeyRule, hasRuleBelow, STORE_KEYS } from './keys.ts';

export interface MergedSettings {
  readonly merged: Settings;
  /** Keys that come from the store; a cluster interface by its name. */
  readonly fromStore: ReadonlySet<string>;
  /** How many cluster interfaces the file has: those of the store follow. */
  readonly fileInterfaces: number;
  /** Keys of the store that it may not own. */
  readonly strangers: readonly string[];
}

/** Adds to the file's values what the store has for keys that the file does not write. */
export function mergeSettings(file: Settings, stored: Settings): MergedSettings {
  let merged = file;
  const fromStore = new Set<string>();
  for (const key of STORE_KEYS) {
    const value = key === INTERFACES_KEY ? undefined : valueAt(stored, key);
    if (value === undefined || isWritten(file, key)) continue;
    merged = withValue(merged, key, value);
    fromStore.add(key);
  }
  const own = interfacesOf(file);
  const added = isWritten(file, INTERFACES_KEY) && !Array.isArray(file[INTERFACES_KEY]) ? [] : interfacesOf(stored);
  const names = new Set(own.map(nameOf));
  const further = added.filter((entry) => !names.has(nameOf(entry)));
  if (further.length > 0) merged = { ...merged, [INTERFACES_KEY]: [...own, ...further] };
  for (const entry of further) fromStore.add(`${INTERFACES_KEY}.${nameOf(entry)}`);
  const strangers = leafKeys(stored).filter((key) => findKeyRule(key)?.owner !== 'either');
  return { merged, fromStore, fileInterfaces: own.length, strangers };
}

/** The keys that a file owns and the store otherwise could: `dns.upstream`, `cluster_interfaces.lab`. */
export function pinnedKeys(file: Settings): readonly string[] {
  const keys = STORE_KEYS.filter((key) => key !== INTERFACES_KEY && isWritten(file, key));
  return [...keys, ...interfacesOf(file).map((entry) => `${INTERFACES_KEY}.${nameOf(entry)}`)];
}

/** True when the key stands in the file, or something above it that is not made of keys: then that is the file's to mend. */
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
 * The keys that hold something else than further keys. What is below a rule's own key is its value, unless a rule stands below it, too:
 * `tftp` is the file's, and `tftp.allow` is not.
 */
function leafKeys(settings: Settings, prefix = ''): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    return isSettings(value) && (findKeyRule(key) === undefined || hasRuleBelow(key)) ? leafKeys(value, key) : [key];
  });
}
