// Splits the key of a setting, finds the key that a mistyped one probably meant, and replaces one
// setting of a list. A field of a cluster interface is a key, too:
// `cluster_interfaces.lab.router_ip`.
//
// 1. Names of interfaces may contain dots, names of fields may not: the last part of a key is a
//    field exactly if a field has its name.

import { findNearestName } from '../ground/nearest-name.ts';
import {
  INTERFACES_KEY,
  isSettings,
  NO_SETTINGS,
  type Settings,
  type SettingValue,
  withoutStoredCredentials,
  withValue,
} from '../machines/settings.ts';
import { type RefusalWord, refusal } from './records/refusal.ts';
import type { SettingChange, StoredSetting } from './records/stored-setting.ts';

/**
 * Splits `cluster_interfaces.eth1.100.router_ip` into the interface `eth1.100` and the field.
 * @param fields the names of a cluster interface's fields
 * @returns without `interfaceName` for a key that is not of a cluster interface; without `field`
 * for the interface as a whole
 */
export function splitKey(
  key: string,
  fields: ReadonlySet<string>,
): { readonly interfaceName?: string; readonly field?: string } {
  if (!key.startsWith(`${INTERFACES_KEY}.`)) return {};
  const name = key.slice(INTERFACES_KEY.length + 1);
  const dot = name.lastIndexOf('.');
  const last = name.slice(dot + 1);
  return dot > 0 && fields.has(last) ? { interfaceName: name.slice(0, dot), field: last } : { interfaceName: name };
}

/**
 * The refusal of a mistyped field; `undefined` if the key is an interface. An interface's value is
 * a mapping: with any other value, the last part of the key must be meant as a field.
 * @param value the new value of the key, which `splitKey` gives no field; `undefined` to remove it
 */
export function refuseUnknownField(
  key: string,
  value: SettingValue | undefined,
  fields: ReadonlySet<string>,
): RefusalWord | undefined {
  const last = key.slice(key.lastIndexOf('.') + 1);
  const isField = key.startsWith(`${INTERFACES_KEY}.`) && key.split('.').length > 2;
  if (!isField || value === undefined || isSettings(value)) return undefined;
  const nearest = findNearestName(last, [...fields]);
  return refusal(
    'setting-unknown',
    `${key}: unknown key; ${nearest === undefined ? 'config/rackboot.yaml explains all keys' : `did you mean ${nearest}?`}`,
  );
}

/**
 * The key with the most similar name of a network; `undefined`: the network exists, no name is
 * similar, or the key does not belong to a network.
 * @param names the names of the cluster interfaces in force
 * @param fields the names of a cluster interface's fields
 */
export function nearestInterfaceKey(
  key: string,
  names: readonly string[],
  fields: ReadonlySet<string>,
): string | undefined {
  const { interfaceName, field } = splitKey(key, fields);
  if (interfaceName === undefined || names.includes(interfaceName)) return undefined;
  const nearest = findNearestName(interfaceName, names);
  return nearest === undefined
    ? undefined
    : [INTERFACES_KEY, nearest, ...(field === undefined ? [] : [field])].join('.');
}

/** The settings after a change of one of them. */
export function withChange(
  list: readonly StoredSetting[],
  { rack, key, value }: SettingChange,
): readonly StoredSetting[] {
  const isSame = (setting: StoredSetting): boolean => setting.rack === rack && setting.key === key;
  if (value === undefined) return list.filter((setting) => !isSame(setting));
  const changed = { rack, key, value };
  return list.some(isSame) ? list.map((setting) => (isSame(setting) ? changed : setting)) : [...list, changed];
}

/** The setting without the user name and password of a URL, which earlier versions accepted. */
export const withoutUser = (setting: StoredSetting): StoredSetting => ({
  ...setting,
  value: withoutStoredCredentials(setting.key, setting.value),
});

/**
 * One rack's rows and the shared ones, in the form of a configuration file. @param isOwn true for
 * the rack of the region's host
 */
export function settingsForRack(list: readonly StoredSetting[], rack: string, isOwn: boolean): Settings {
  let settings: Settings = NO_SETTINGS;
  const interfaces: SettingValue[] = [];
  for (const setting of list) {
    const isOfInterface = setting.key.startsWith(`${INTERFACES_KEY}.`);
    if (isOfInterface && setting.rack === rack) {
      const name = setting.key.slice(INTERFACES_KEY.length + 1);
      interfaces.push({ name, ...(isSettings(setting.value) ? setting.value : {}) });
    } else if (!isOfInterface && setting.rack === '' && (isOwn || !setting.key.startsWith('region.'))) {
      settings = withValue(settings, setting.key, setting.value);
    }
  }
  return interfaces.length === 0 ? settings : { ...settings, [INTERFACES_KEY]: interfaces };
}
