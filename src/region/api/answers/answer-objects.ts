// The objects in the answers of the API, and their JSON schemas. Only the description as OpenAPI
// and tests load them; operations name them (`answers` in `call/operation.ts`).
//
// Source: JSON Schema 2020-12, of which OpenAPI 3.1 takes its schemas.
//
// 1. An object is a table from types to the names of the properties that have them. A `?` follows
//    the name of a property that some of the objects lack; all others have it, and there are no
//    further ones.
// 2. A type is a primitive of JSON, `map` for an object with any keys, `any`, or another object of
//    these tables. `[]` makes a list of it, and `|` joins types of which a value has one.
// 3. The compiler compares them with what writes an object (`answer-types.ts`), and tests every
//    answer that they get.

import { NODE_OBJECTS } from './node-objects.ts';
import { OLD_OBJECTS, SITE_OBJECTS } from './site-objects.ts';

type Json = Readonly<Record<string, unknown>>;
/** The properties of an object, by their type. */
type ObjectTable = Readonly<Record<string, string>>;

export const KINDS = {
  diskPart: 'partition|blockDevice',
  enlistment: 'machine|enlistedMachine',
  node: 'machine|device|rackController|regionController',
} as const;

export type ObjectName = keyof typeof NODE_OBJECTS | keyof typeof SITE_OBJECTS | keyof typeof KINDS;

const PRIMITIVES: Json = {
  ...Object.fromEntries(['string', 'integer', 'number', 'boolean', 'null'].map((type) => [type, { type }])),
  map: { type: 'object' },
  any: {},
};

/** The schema of a type. */
export function describeSchema(type: string): Json {
  const types = type.split('|');
  if (types.length > 1) return { anyOf: types.map(describeSchema) };
  if (type.endsWith('[]')) return { type: 'array', items: describeSchema(type.slice(0, -2)) };
  const primitive = PRIMITIVES[type];
  return typeof primitive === 'object' && primitive !== null
    ? { ...primitive }
    : { $ref: `#/components/schemas/${type}` };
}

function objectSchema(table: ObjectTable): Json {
  const properties = Object.entries(table).flatMap(([type, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name): readonly [string, string] => [name, type]),
  );
  return {
    type: 'object',
    properties: Object.fromEntries(properties.map(([name, type]) => [name.replace('?', ''), describeSchema(type)])),
    required: properties.flatMap(([name]) => (name.endsWith('?') ? [] : [name])),
    additionalProperties: false,
  };
}

/** The schemas of the objects of a version, by name. */
export function objectSchemas(version: '1.0' | '2.0'): Readonly<Record<string, Json>> {
  const tables: Readonly<Record<string, ObjectTable>> = {
    ...NODE_OBJECTS,
    ...SITE_OBJECTS,
    ...(version === '1.0' ? OLD_OBJECTS : {}),
  };
  return {
    ...Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, objectSchema(table)])),
    ...Object.fromEntries(Object.entries(KINDS).map(([name, type]) => [name, describeSchema(type)])),
  };
}
