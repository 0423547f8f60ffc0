// Implements the port of `region/settings.ts`: judges configurations by merging and resolving them
// as a rack does, and says, from the schema, how a person writes each key.

import { z } from 'zod';
import { NAMED_OPTIONS } from '../dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES } from '../dhcp/wire/option-value.ts';
import { findNestedValue } from '../ground/fields.ts';
import { isSettings, listInterfaces, type Settings, type SettingValue, valueAt } from '../machines/settings.ts';
import type { SettingShape, SettingsRules } from '../region/settings.ts';
import { findBootStops } from './boot-stops.ts';
import type { ConfigFile } from './config-file.ts';
import { findHostOverlaps, type HostAddresses } from './host-check.ts';
import { findKeyRule, hasRuleBelow, isSectionOfFile, KEYS } from './keys.ts';
import { listPinnedKeys, mergeSettings } from './merge.ts';
import { findNearestKey } from './nearest-key.ts';
import { profile } from './profile-list.ts';
import { findRecordFaults } from './record-faults.ts';
import { resolveFile, type UsableConfig } from './resolve-file.ts';
import { clusterInterfaceFields, writtenConfigSchema } from './written.ts';

const toConfigFile = (values: Settings): ConfigFile => ({ values, findLine: () => undefined });

/**
 * The rules of this version's configuration.
 * @param host returns the present addresses of the host of the region and its rack
 */
export const makeSettingsRules = (host: () => readonly HostAddresses[]): SettingsRules => ({
  ownerOf: (key) => findKeyRule(key)?.owner ?? (isSectionOfFile(key) ? 'file' : undefined),
  nearestKey: findNearestKey,
  shapes: listSettingShapes,
  interfaceFields: new Set(clusterInterfaceFields),
  optionKinds: NAMED_OPTIONS,
  optionTypes: OPTION_TYPE_NAMES,
  pinned: listPinnedKeys,
  problemsOf(file, storedSettings, isHere) {
    const parsed = resolveFile(toConfigFile(file), storedSettings);
    const overlaps = (usable: UsableConfig) => (isHere ? findHostOverlaps(usable, host()) : []);
    const problems = parsed.ok ? overlaps(parsed) : parsed.problems;
    return problems.map(({ path, message }) => ({ key: path, message }));
  },
  recordFaultsOf(file, before, after) {
    const [parsedBefore, parsedAfter] = [
      resolveFile(toConfigFile(file), before),
      resolveFile(toConfigFile(file), after),
    ];
    const formerFaults = new Set(
      (parsedBefore.ok ? findRecordFaults(parsedBefore.config).omittedRecords : []).map(({ message }) => message),
    );
    const faults = parsedAfter.ok ? findRecordFaults(parsedAfter.config).omittedRecords : [];
    return faults
      .filter(({ message }) => !formerFaults.has(message))
      .map(({ index, reason, message }) => ({
        key: `dns.records[${index}].${reason === 'alias-loop' ? 'data' : 'type'}`,
        message,
      }));
  },
  bootStopsOf(file, before, after) {
    const [parsedBefore, parsedAfter] = [
      resolveFile(toConfigFile(file), before),
      resolveFile(toConfigFile(file), after),
    ];
    return parsedAfter.ok
      ? findBootStops(parsedAfter.config.boot, parsedBefore.ok ? parsedBefore.config.boot : undefined)
      : [];
  },
  valueOf: (key, file, storedSettings) => findValueOrDefault(key, mergeSettings(file, storedSettings).merged),
  profilesIn: (value) => (Array.isArray(value) ? value : []).flatMap((entry) => profile.safeParse(entry).data ?? []),
  interfacesOf: (file, storedSettings) => listInterfaces(mergeSettings(file, storedSettings).merged).filter(isSettings),
});

/** The value of a key as written, or else its default; `undefined` if it has neither. */
export const findValueOrDefault = (key: string, merged: Settings): SettingValue | undefined =>
  valueAt(merged, key) ?? findDefault(key);

/** Parsed without the validator's compiled code, which pays only for schemas used often. */
const DEFAULTS: unknown = writtenConfigSchema.parse({}, { jitless: true });

/** The default of a key. Defaults are scalars and empty lists, which look the same as written and as used. */
function findDefault(key: string): SettingValue | undefined {
  const value = findNestedValue(DEFAULTS, key.split('.'));
  if (Array.isArray(value)) return value.length === 0 ? [] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

type Schema = z.core.JSONSchema.JSONSchema | boolean | undefined;

/** The alternatives of a schema; the schema itself if it has none. */
function listAlternatives(schema: Schema): readonly z.core.JSONSchema.BaseSchema[] {
  if (typeof schema !== 'object') return [];
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(listAlternatives);
}

const isPlainText = ({ type, enum: values, const: value }: z.core.JSONSchema.BaseSchema) =>
  type === 'string' && values === undefined && value === undefined;

function chooseShapeKind(schema: Schema): SettingShape['kind'] {
  const alternatives = listAlternatives(schema);
  const items = alternatives.flatMap((alternative) =>
    typeof alternative.items === 'object' && !Array.isArray(alternative.items) ? [alternative.items] : [],
  );
  const isStructure =
    alternatives.some(({ type }) => type === 'object') ||
    items.some((item) => !listAlternatives(item).every(isPlainText));
  if (isStructure) return 'structure';
  if (items.length > 0) return 'list';
  if (alternatives.every(({ enum: values, const: value }) => values !== undefined || value !== undefined))
    return 'choice';
  if (alternatives.every(({ type }) => type === 'boolean')) return 'check';
  return 'text';
}

function buildShape(key: string, schema: Schema): SettingShape {
  const alternatives = listAlternatives(schema);
  return {
    key,
    owner: findKeyRule(key)?.owner ?? 'file',
    kind: chooseShapeKind(schema),
    choices: alternatives
      .flatMap(({ enum: values, const: value }) => values ?? [value])
      .filter((value) => typeof value === 'string'),
    isNumeric: alternatives.some(({ type }) => type === 'integer' || type === 'number'),
  };
}

function findSchema(schema: Schema, key: string): Schema {
  let inner = schema;
  for (const part of key.split('.')) inner = typeof inner === 'object' ? inner.properties?.[part] : undefined;
  return inner;
}

let shapes: readonly SettingShape[] | undefined;

/** The control that a form has for each key that holds a value, in the order of the file. */
export function listSettingShapes(): readonly SettingShape[] {
  if (shapes !== undefined) return shapes;
  const wholeSchema = z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' });
  shapes = KEYS.filter((key) => !hasRuleBelow(key)).map((key) => buildShape(key, findSchema(wholeSchema, key)));
  return shapes;
}
