// The part of a rack's configuration in its region's store, as it is transferred: plain values in
// the form of the configuration file.
//
// 1. Input from the network or a disk is bounded in depth, number of values and length of each text.
// 2. This file handles plain data only; merging with the rack's file validates it as configuration.

import { isFields } from '../ground/fields.ts';

/**
 * The keys whose value is a URL that everybody may see. The values of `boot.loaders` may be URLs,
 * too.
 */
const URL_KEYS: readonly string[] = [
  'preseeds.debian_mirror',
  'preseeds.ubuntu_mirror',
  'preseeds.ubuntu_ports_mirror',
  'region.public_url',
];
const LOADERS_KEY = 'boot.loaders';

/** A value that YAML or JSON can represent. */
export type SettingValue =
  | null
  | boolean
  | number
  | string
  | readonly SettingValue[]
  | { readonly [key: string]: SettingValue };

/** A partial configuration; the store does not own absent keys. */
export type Settings = { readonly [key: string]: SettingValue };

export const NO_SETTINGS: Settings = {};

/** The list whose entries are addressed by name in a key: `cluster_interfaces.lab`. */
export const INTERFACES_KEY = 'cluster_interfaces';

/** Bounds of one configuration, in the file or in the store. */
export const SETTINGS_DEPTH_MAX = 14;
export const SETTINGS_VALUES_MAX = 1_000_000;
/** In UTF-16 units, for a text and for a key. */
export const SETTINGS_TEXT_MAX = 4096;

/** Settings, or the first problem of the value, which begins with the key: `dns.upstream[2]: …`. */
type ParsedSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problem: string };

/** The number of values that may still be read. */
interface Budget {
  remaining: number;
}

class SettingsProblem extends Error {}

/**
 * Validates settings given as parsed JSON or YAML; never throws. The result shares no objects with
 * `value`.
 */
export function parseSettings(value: unknown): ParsedSettings {
  try {
    const settings = readValue(value, '', 0, { remaining: SETTINGS_VALUES_MAX });
    if (!isSettings(settings)) throw new SettingsProblem('expected keys with values');
    return { ok: true, settings };
  } catch (error) {
    if (error instanceof SettingsProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

/**
 * Validates one value like `parseSettings`; `undefined` if the value cannot be part of settings.
 */
export function parseSettingValue(value: unknown): SettingValue | undefined {
  try {
    return readValue(value, '', 0, { remaining: SETTINGS_VALUES_MAX });
  } catch (error) {
    if (error instanceof SettingsProblem) return undefined;
    throw error;
  }
}

/** True for an object of keys, not a list or single value. */
export const isSettings = (value: SettingValue | undefined): value is Settings => isFields(value);

/** The entries of `cluster_interfaces`; none if it is not a list. */
export function listInterfaces(settings: Settings): readonly SettingValue[] {
  const list = settings[INTERFACES_KEY];
  return Array.isArray(list) ? list : [];
}

/** A cluster interface's name as the file's schema reads it; empty if it has none. */
export function interfaceName(entry: SettingValue): string {
  const name = isSettings(entry) ? entry.name : undefined;
  return typeof name === 'string' ? name.trim() : '';
}

/** The value at a dotted key; `undefined` if there is none. */
export function valueAt(settings: Settings, key: string): SettingValue | undefined {
  let value: SettingValue | undefined = settings;
  for (const segment of key.split('.')) {
    value = isSettings(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
  }
  return value;
}

/**
 * The value at a key as people write it; finds a cluster interface by its name, and returns it
 * without the name.
 */
export function findSetting(settings: Settings, key: string): SettingValue | undefined {
  if (!key.startsWith(`${INTERFACES_KEY}.`)) return valueAt(settings, key);
  const relativeKey = key.slice(INTERFACES_KEY.length + 1);
  for (const entry of listInterfaces(settings)) {
    const name = interfaceName(entry);
    if (!isSettings(entry) || !(relativeKey === name || relativeKey.startsWith(`${name}.`))) continue;
    const { name: _name, ...fields } = entry;
    return relativeKey === name ? fields : valueAt(fields, relativeKey.slice(name.length + 1));
  }
  return undefined;
}

/** The settings with one value replaced or added, or without it if `value` is `undefined`. */
export function withValue(settings: Settings, key: string, value: SettingValue | undefined): Settings {
  const [first = '', ...rest] = key.split('.');
  const nested = Object.hasOwn(settings, first) ? settings[first] : undefined;
  const { [first]: _before, ...others } = settings;
  if (rest.length === 0) return value === undefined ? others : { ...settings, [first]: value };
  const changed = withValue(isSettings(nested) ? nested : {}, rest.join('.'), value);
  return value === undefined && Object.keys(changed).length === 0 ? others : { ...settings, [first]: changed };
}

function readValue(value: unknown, path: string, depth: number, budget: Budget): SettingValue {
  budget.remaining -= 1;
  if (budget.remaining < 0) throw new SettingsProblem(`more than ${SETTINGS_VALUES_MAX} values`);
  if (depth > SETTINGS_DEPTH_MAX) throw new SettingsProblem(`${path}: deeper than ${SETTINGS_DEPTH_MAX} levels`);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string') return checkText(value, path);
  if (Array.isArray(value)) {
    return value.map((entry: unknown, index) => readValue(entry, `${path}[${index}]`, depth + 1, budget));
  }
  if (typeof value !== 'object')
    throw new SettingsProblem(`${path}: ${String(value)} is not a value of a configuration`);
  const entries: [string, SettingValue][] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (entry === undefined) continue;
    const entryPath = path === '' ? checkText(key, path) : `${path}.${checkText(key, path)}`;
    entries.push([key, readValue(entry, entryPath, depth + 1, budget)]);
  }
  // `fromEntries` makes own properties of all names: `__proto__` is a key like any other.
  return Object.fromEntries(entries);
}

function checkText(text: string, path: string): string {
  if (text.length > SETTINGS_TEXT_MAX)
    throw new SettingsProblem(`${path === '' ? '' : `${path}: `}longer than ${SETTINGS_TEXT_MAX} characters`);
  return text;
}

/**
 * Removes what earlier versions accepted in URLs: user name, password, query and fragment. The
 * query and fragment of a boot loader's URL stay.
 */
export function withoutStoredCredentials(key: string, value: SettingValue): SettingValue {
  if (URL_KEYS.includes(key) && typeof value === 'string') return withoutUrlCredentials(value).replace(/[?#].*$/s, '');
  if (key !== LOADERS_KEY || !isSettings(value)) return value;
  const loaders = Object.entries(value).map(([name, file]) => [
    name,
    typeof file === 'string' ? withoutUrlCredentials(file) : file,
  ]);
  return Object.fromEntries(loaders);
}

/** Applies `withoutStoredCredentials` to every value of a rack's settings. */
export function settingsWithoutCredentials(settings: Settings): Settings {
  let result = settings;
  for (const key of [...URL_KEYS, LOADERS_KEY]) {
    const value = valueAt(settings, key);
    const clean = value === undefined ? undefined : withoutStoredCredentials(key, value);
    if (clean !== undefined && JSON.stringify(clean) !== JSON.stringify(value)) result = withValue(result, key, clean);
  }
  return result;
}

/** True for a URL with a user name or a password. */
export function hasUrlCredentials(text: string): boolean {
  const url = URL.parse(text.trim());
  return url !== null && url.username + url.password !== '';
}

function withoutUrlCredentials(text: string): string {
  const url = URL.parse(text);
  if (url === null || !hasUrlCredentials(text)) return text;
  url.username = '';
  url.password = '';
  return url.href;
}
