// What the region asks of configurations: the port that `region/settings.ts` names, implemented by merging and resolving as a rack does.

import { interfacesOf, isSettings, type Settings, type SettingValue, valueAt } from '../machines/settings.ts';
import type { SettingsRules } from '../region/settings.ts';
import { findBootStops } from './boot-stops.ts';
import { findHostOverlaps, type HostAddresses } from './host-check.ts';
import { findKeyRule } from './keys.ts';
import { type ConfigFile, resolveFile } from './load.ts';
import { mergeSettings, pinnedKeys } from './merge.ts';
import { nearestKey } from './nearest-key.ts';
import type { RackConfig } from './rack-config.ts';
import { clusterInterfaceFields, writtenConfigSchema } from './written.ts';

const fileOf = (values: Settings): ConfigFile => ({ values, lineOf: () => undefined });

/**
 * The rules of this version's configuration.
 * @param host the addresses of the host that the region and its rack are on, when it is asked
 */
export const settingsRules = (host: () => readonly HostAddresses[]): SettingsRules => ({
  ownerOf: (key) => findKeyRule(key)?.owner,
  nearestKey,
  interfaceFields: new Set(clusterInterfaceFields),
  pinned: pinnedKeys,
  problemsOf(file, stored, isHere) {
    const parsed = resolveFile(fileOf(file), stored);
    const overlaps = (config: RackConfig) => (isHere ? findHostOverlaps(config, host()) : []);
    const problems = parsed.ok ? overlaps(parsed.config) : parsed.problems;
    return problems.map(({ path, message }) => ({ key: path, message }));
  },
  bootStopsOf(file, before, after) {
    const [former, next] = [resolveFile(fileOf(file), before), resolveFile(fileOf(file), after)];
    return next.ok ? findBootStops(next.config.boot, former.ok ? former.config.boot : undefined) : [];
  },
  valueOf: (key, file, stored) => valueOrDefault(key, mergeSettings(file, stored).merged),
  interfacesOf: (file, stored) => interfacesOf(mergeSettings(file, stored).merged).filter(isSettings),
});

/** The value of a key as it is written, else its default; undefined: it has neither. */
export const valueOrDefault = (key: string, merged: Settings): SettingValue | undefined =>
  valueAt(merged, key) ?? defaultOf(key);

const DEFAULTS: unknown = writtenConfigSchema.parse({});

/** Defaults are single values and empty lists, which are written as they are used. */
function defaultOf(key: string): SettingValue | undefined {
  let value: unknown = DEFAULTS;
  for (const part of key.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  if (Array.isArray(value)) return value.length === 0 ? [] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}
