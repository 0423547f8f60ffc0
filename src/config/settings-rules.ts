// Implements the port of `region/settings.ts`: judges configurations by merging and resolving them
// as a rack does, and says, from the schema, how a person writes each key.

import { z } from 'zod';
import { NAMED_OPTIONS } from '../dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES } from '../dhcp/wire/option-value.ts';
import { valueIn } from '../ground/fields.ts';
import { isSettings, listInterfaces, type Settings, type SettingValue, valueAt } from '../machines/settings.ts';
import type { SettingShape, SettingsRules } from '../region/settings.ts';
import { findBootStops } from './boot-stops.ts';
import type { ConfigFile } from './config-file.ts';
import { findHostOverlaps, type HostAddresses } from './host-check.ts';
import { findKeyRule, hasRuleBelow, isSectionOfFile, KEYS } from './keys.ts';
import { mergeSettings, pinnedKeys } from './merge.ts';
import { nearestKey } from './nearest-key.ts';
import { profile } from './profile-list.ts';
import { findRecordFaults } from './record-faults.ts';
import { resolveFile, type UsableConfig } from './resolve-file.ts';
import { clusterInterfaceFields, writtenConfigSchema } from './written.ts';

const asConfigFile = (values: Settings): ConfigFile => ({ values, lineOf: () => undefined });

/**
 * The rules of this version's configuration.
 * @param host returns the present addresses of the host of the region and its rack
 */
export const settingsRules = (host: () => readonly HostAddresses[]): SettingsRules => ({
  ownerOf: (key) => findKeyRule(key)?.owner ?? (isSectionOfFile(key) ? 'file' : undefined),
  nearestKey,
  shapes: settingShapes,
  interfaceFields: new Set(clusterInterfaceFields),
  optionKinds: NAMED_OPTIONS,
  optionTypes: OPTION_TYPE_NAMES,
  pinned: pinnedKeys,
  problemsOf(file, stored, isHere) {
    const parsed = resolveFile(asConfigFile(file), stored);
    const overlaps = (usable: UsableConfig) => (isHere ? findHostOverlaps(usable, host()) : []);
    const problems = parsed.ok ? overlaps(parsed) : parsed.problems;
    return problems.map(({ path, message }) => ({ key: path, message }));
  },
  recordFaultsOf(file, before, after) {
    const [former, next] = [resolveFile(asConfigFile(file), before), resolveFile(asConfigFile(file), after)];
    const formerFaults = new Set((former.ok ? findRecordFaults(former.config).left : []).map(({ message }) => message));
    const faults = next.ok ? findRecordFaults(next.config).left : [];
    return faults
      .filter(({ message }) => !formerFaults.has(message))
      .map(({ index, reason, message }) => ({
        key: `dns.records[${index}].${reason === 'alias-loop' ? 'data' : 'type'}`,
        message,
      }));
  },
  bootStopsOf(file, before, after) {
    const [former, next] = [resolveFile(asConfigFile(file), before), resolveFile(asConfigFile(file), after)];
    return next.ok ? findBootStops(next.config.boot, former.ok ? former.config.boot : undefined) : [];
  },
  valueOf: (key, file, stored) => valueOrDefault(key, mergeSettings(file, stored).merged),
  profilesIn: (value) => (Array.isArray(value) ? value : []).flatMap((entry) => profile.safeParse(entry).data ?? []),
  interfacesOf: (file, stored) => listInterfaces(mergeSettings(file, stored).merged).filter(isSettings),
});

/** The value of a key as written, otherwise its default; undefined: it has neither. */
export const valueOrDefault = (key: string, merged: Settings): SettingValue | undefined =>
  valueAt(merged, key) ?? findDefault(key);

/** Parsed without the validator's compiled code, which pays only for schemas used often. */
const DEFAULTS: unknown = writtenConfigSchema.parse({}, { jitless: true });

/** The default of a key. Defaults are scalars and empty lists, which look the same as written and as used. */
function findDefault(key: string): SettingValue | undefined {
  const value = valueIn(DEFAULTS, key.split('.'));
  if (Array.isArray(value)) return value.length === 0 ? [] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

type Schema = z.core.JSONSchema.JSONSchema | boolean | undefined;

/** The alternatives of a schema: itself, if it has no others. */
function listAlternatives(schema: Schema): readonly z.core.JSONSchema.BaseSchema[] {
  if (typeof schema !== 'object') return [];
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(listAlternatives);
}

const isPlainText = ({ type, enum: values, const: value }: z.core.JSONSchema.BaseSchema) =>
  type === 'string' && values === undefined && value === undefined;

function chooseShapeKind(schema: Schema): SettingShape['kind'] {
  const all = listAlternatives(schema);
  const items = all.flatMap((alternative) =>
    typeof alternative.items === 'object' && !Array.isArray(alternative.items) ? [alternative.items] : [],
  );
  const isStructure =
    all.some(({ type }) => type === 'object') || items.some((item) => !listAlternatives(item).every(isPlainText));
  if (isStructure) return 'structure';
  if (items.length > 0) return 'list';
  if (all.every(({ enum: values, const: value }) => values !== undefined || value !== undefined)) return 'choice';
  if (all.every(({ type }) => type === 'boolean')) return 'check';
  return 'text';
}

function buildShape(key: string, schema: Schema): SettingShape {
  const all = listAlternatives(schema);
  return {
    key,
    owner: findKeyRule(key)?.owner ?? 'file',
    kind: chooseShapeKind(schema),
    choices: all
      .flatMap(({ enum: values, const: value }) => values ?? [value])
      .filter((value) => typeof value === 'string'),
    isNumeric: all.some(({ type }) => type === 'integer' || type === 'number'),
  };
}

function schemaAt(schema: Schema, key: string): Schema {
  let inner = schema;
  for (const part of key.split('.')) inner = typeof inner === 'object' ? inner.properties?.[part] : undefined;
  return inner;
}

let shapes: readonly SettingShape[] | undefined;

/** The control that a form has for each key that holds a value, in the order of the file. */
export function settingShapes(): readonly SettingShape[] {
  if (shapes !== undefined) return shapes;
  const whole = z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' });
  shapes = KEYS.filter((key) => !hasRuleBelow(key)).map((key) => buildShape(key, schemaAt(whole, key)));
  return shapes;
}
