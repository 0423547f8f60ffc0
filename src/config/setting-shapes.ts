// How a person writes each key of the configuration: the control that a form has for it. Made of the schema.

import { z } from 'zod';
import type { SettingShape } from '../region/settings.ts';
import { findKeyRule, hasRuleBelow, KEYS } from './keys.ts';
import { writtenConfigSchema } from './written.ts';

type Schema = z.core.JSONSchema.JSONSchema | boolean | undefined;

/** The alternatives of a schema: itself, if it has no others. */
function alternativesOf(schema: Schema): readonly z.core.JSONSchema.BaseSchema[] {
  if (typeof schema !== 'object') return [];
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternativesOf);
}

const isPlainText = ({ type, enum: values, const: value }: z.core.JSONSchema.BaseSchema) =>
  type === 'string' && values === undefined && value === undefined;

function kindOf(schema: Schema): SettingShape['kind'] {
  const all = alternativesOf(schema);
  const items = all.flatMap((one) => (typeof one.items === 'object' && !Array.isArray(one.items) ? [one.items] : []));
  const isStructure =
    all.some(({ type }) => type === 'object') || items.some((item) => !alternativesOf(item).every(isPlainText));
  if (isStructure) return 'structure';
  if (items.length > 0) return 'list';
  if (all.every(({ enum: values, const: value }) => values !== undefined || value !== undefined)) return 'choice';
  if (all.every(({ type }) => type === 'boolean')) return 'check';
  return 'text';
}

function shapeOf(key: string, schema: Schema): SettingShape {
  const all = alternativesOf(schema);
  return {
    key,
    owner: findKeyRule(key)?.owner ?? 'file',
    kind: kindOf(schema),
    choices: all
      .flatMap(({ enum: values, const: value }) => values ?? [value])
      .filter((value) => typeof value === 'string'),
    isNumeric: all.some(({ type }) => type === 'integer' || type === 'number'),
  };
}

function schemaAt(schema: Schema, key: string): Schema {
  let found = schema;
  for (const part of key.split('.')) found = typeof found === 'object' ? found.properties?.[part] : undefined;
  return found;
}

let shapes: readonly SettingShape[] | undefined;

/** Every key that holds a value, in the order of the file. */
export function settingShapes(): readonly SettingShape[] {
  if (shapes !== undefined) return shapes;
  const whole = z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' });
  shapes = KEYS.filter((key) => !hasRuleBelow(key)).map((key) => shapeOf(key, schemaAt(whole, key)));
  return shapes;
}
