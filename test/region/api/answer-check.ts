// Compares answers of a region with the table of operations: status, media type, and each property with its type.

import assert from 'node:assert/strict';
import { objectSchemas } from '../../../src/region/api/answers/answer-objects.ts';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { API_VERSIONS } from '../../../src/region/api/operations.ts';
import { describeSuccess } from '../../../src/region/http/openapi.ts';
import { findOperations } from '../../../src/region/http/operation-paths.ts';

type Json = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Json => Object(value) === value && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: isTable,
};

/** The schemas of the objects of each version. */
const KNOWN = new Map<string, Json>(API_VERSIONS.map((version) => [version, objectSchemas(version)]));

/** The places where a value is not as its schema says. */
function faultsOf(known: Json, given: unknown, value: unknown, at: string): readonly string[] {
  assert.ok(isTable(given), `${at} has no schema`);
  if (typeof given.$ref === 'string') {
    const name = given.$ref.replace('#/components/schemas/', '');
    return faultsOf(known, known[name], value, `${at}(${name})`);
  }
  if (Array.isArray(given.anyOf)) {
    const each = given.anyOf.map((one) => faultsOf(known, one, value, at));
    return each.some((faults) => faults.length === 0) ? [] : (each.toSorted((a, b) => a.length - b.length)[0] ?? []);
  }
  if (given.type === undefined) return [];
  if (TYPES[String(given.type)]?.(value) !== true) return [`${at} is ${JSON.stringify(value)?.slice(0, 80)}`];
  if (Array.isArray(value)) return value.flatMap((one, index) => faultsOf(known, given.items, one, `${at}[${index}]`));
  const { properties, required } = given;
  if (!isTable(value) || !isTable(properties) || !Array.isArray(required)) return [];
  return [
    ...required.flatMap((name: string) => (Object.hasOwn(value, name) ? [] : [`${at} lacks ${name}`])),
    ...Object.entries(value).flatMap(([name, one]) =>
      Object.hasOwn(properties, name)
        ? faultsOf(known, properties[name], one, `${at}.${name}`)
        : [`${at} has ${name}, which is unknown`],
    ),
  ];
}

/** An answer to a request. */
interface Received {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Compares one successful answer with the table. */
function judge(version: string, operation: Operation, { statusCode, headers, body }: Received): readonly string[] {
  const { statuses, content } = describeSuccess(operation);
  const wanted: readonly number[] = statuses;
  if (!wanted.includes(statusCode)) return [`the status is ${statusCode}`];
  const type = String(headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  const types = Object.keys(content);
  // As MAAS's command needs it (`region/http/server.ts`).
  if (types.length === 0) return type === 'text/plain' ? [] : [`the answer has ${type}`];
  if (!types.includes(type)) return [`the answer is ${type}`];
  const { schema } = Object.entries<Json>(content).find(([name]) => name === type)?.[1] ?? {};
  return type === 'application/json' ? faultsOf(KNOWN.get(version) ?? {}, schema, JSON.parse(body), '') : [];
}

/**
 * Asserts that a successful answer is as the table says. A refusal, and a request that names no operation, are of other tests.
 * @param url the path, from /MAAS on, with its query
 * @param bodyOp the `op` of the body, which counts if the query has none
 */
export function assertAsStated(
  { method, url, bodyOp }: { readonly method: string; readonly url: string; readonly bodyOp?: string | undefined },
  answer: Received,
): void {
  const { pathname, searchParams } = new URL(url, 'http://region');
  const version = API_VERSIONS.find((one) => pathname.startsWith(`/MAAS/api/${one}/`));
  if (answer.statusCode >= 300 || version === undefined) return;
  const found = findOperations(version, url);
  const op = (searchParams.get('op') ?? bodyOp) || undefined;
  const all = found.kind === 'operations' ? found.operations : [];
  const operation = all.find((one) => one.method === method && one.op === op);
  if (operation === undefined || operation.answers === 'stream') return;
  const title = [version, method, operation.path, ...(op === undefined ? [] : [op])].join(' ');
  assert.deepEqual(judge(version, operation, answer), [], title);
}
