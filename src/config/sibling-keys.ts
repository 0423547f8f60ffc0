// The valid keys next to a misspelt one, read from the configuration's schema.

import { z } from 'zod';
import { nearestName } from '../ground/nearest-name.ts';

/** The keys that a schema accepts at a path; empty: it knows none there. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return keysAt(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodReadonly) return keysAt(schema.def.innerType, path);
  if (schema instanceof z.ZodPipe) return keysAt(schema.def.in, path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => keysAt(option, path));
  const [first, ...rest] = path;
  if (schema instanceof z.ZodArray) return first === undefined ? [] : keysAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return first === undefined ? [] : keysAt(schema.valueType, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  if (first === undefined) return Object.keys(schema.shape);
  return Object.hasOwn(schema.shape, first) ? keysAt(Reflect.get(schema.shape, first), rest) : [];
}

/**
 * The message for an unknown key. @param path its place, without the key @param example the file
 * that shows every key
 */
export function unknownKeyText(
  schema: unknown,
  path: readonly PropertyKey[],
  key: string,
  example = 'config/rackboot.yaml',
): string {
  const nearest = nearestName(key, keysAt(schema, path));
  return nearest === undefined
    ? `unknown key; see ${example} for all keys`
    : `unknown key; did you mean ${nearest}? ${example} shows all keys`;
}
