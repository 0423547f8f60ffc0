// The valid keys next to a misspelt one, read from the configuration's schema.

import { z } from 'zod';
import { findNearestName } from '../ground/nearest-name.ts';

/** The keys that a schema accepts at a path; empty if it knows none there. */
export function listKeysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return listKeysAt(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodReadonly) return listKeysAt(schema.def.innerType, path);
  if (schema instanceof z.ZodPipe) return listKeysAt(schema.def.in, path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => listKeysAt(option, path));
  const [firstKey, ...remainingPath] = path;
  if (schema instanceof z.ZodArray) return firstKey === undefined ? [] : listKeysAt(schema.element, remainingPath);
  if (schema instanceof z.ZodRecord) return firstKey === undefined ? [] : listKeysAt(schema.valueType, remainingPath);
  if (!(schema instanceof z.ZodObject)) return [];
  if (firstKey === undefined) return Object.keys(schema.shape);
  return Object.hasOwn(schema.shape, firstKey) ? listKeysAt(Reflect.get(schema.shape, firstKey), remainingPath) : [];
}

/**
 * The message for an unknown key.
 * @param path its place, without the key
 * @param example the file that shows every key
 */
export function describeUnknownKey(
  schema: unknown,
  path: readonly PropertyKey[],
  key: string,
  example = 'config/rackboot.yaml',
): string {
  const nearest = findNearestName(key, listKeysAt(schema, path));
  return nearest === undefined
    ? `unknown key; see ${example} for all keys`
    : `unknown key; did you mean ${nearest}? ${example} shows all keys`;
}
