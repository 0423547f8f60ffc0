// How a person writes each key of the configuration: the control that a form has for it. Made of the schema.

import { z } from 'zod';
import type { SettingShape } from '../region/settings.ts';
import { findKeyRule, hasRuleBelow, KEYS } from './keys.ts';
import { writtenConfigSchema } from './written.ts';

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

/** Every key that holds a value, in the order of the file. */
export function settingShapes(): readonly SettingShape[] {
  if (shapes !== undefined) return shapes;
  const whole = z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' });
  shapes = KEYS.filter((key) => !hasRuleBelow(key)).map((key) => buildShape(key, schemaAt(whole, key)));
  return shapes;
}
