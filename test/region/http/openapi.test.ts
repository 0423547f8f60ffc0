// The description as OpenAPI 3.1: complete, and valid by the rules of the specification.
//
// Source: the OpenAPI Specification 3.1.0 §4.8, and its published schema (2022-10-07); JSON Schema 2020-12.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { withRegion } from '../place.ts';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
function fieldsOf(value: unknown, at: string): Json {
  assert.ok(isObject(value), `${at} is an object`);
  return value;
}
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Only these fields, and all of the required ones (each object of §4.8 is closed, but for `x-…`). */
function checkFields(value: unknown, at: string, required: string, optional = ''): Json {
  const fields = fieldsOf(value, at);
  const allowed = new Set([...required.split(' '), ...optional.split(' ')]);
  for (const name of required.split(' ').filter((one) => one !== '')) assert.ok(name in fields, `${at} has ${name}`);
  for (const name of Object.keys(fields)) assert.ok(allowed.has(name) || name.startsWith('x-'), `${at}.${name}`);
  return fields;
}

/** The names to which `$ref` refers, each with a place that does. */
const referred = new Map<string, string>();

/** The keywords of JSON Schema that the description uses, each with the form of its value (2020-12, Validation §6, Core §10). */
const KEYWORDS: Readonly<Record<string, (value: unknown, at: string) => void>> = {
  type: (value) =>
    assert.ok([value].flat().every((one) => /^(?:string|number|integer|boolean|array|object|null)$/.test(String(one)))),
  title: (value) => assert.equal(typeof value, 'string'),
  description: (value) => assert.equal(typeof value, 'string'),
  format: (value) => assert.equal(typeof value, 'string'),
  pattern: (value) => assert.ok(typeof value === 'string' && new RegExp(value, 'u') instanceof RegExp),
  enum: (value) => assert.ok(new Set(listOf(value)).size === listOf(value).length && listOf(value).length > 0),
  const: () => undefined,
  default: () => undefined,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minimum: (value) => assert.equal(typeof value, 'number'),
  maximum: (value) => assert.equal(typeof value, 'number'),
  required: (value) => assert.ok(listOf(value).every((one) => typeof one === 'string')),
  items: checkSchema,
  additionalProperties: checkSchema,
  properties: (value, at) => {
    for (const [name, schema] of Object.entries(fieldsOf(value, at))) checkSchema(schema, `${at}.${name}`);
  },
  $ref: (value, at) => {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(String(value))?.[1] ?? '';
    referred.set(name, at);
  },
  anyOf: checkSchemas,
  oneOf: checkSchemas,
  allOf: checkSchemas,
};

function isCount(value: unknown): void {
  assert.ok(typeof value === 'number' && Number.isInteger(value) && value >= 0);
}

function checkSchemas(value: unknown, at: string): void {
  assert.ok(listOf(value).length > 0, at);
  for (const one of listOf(value)) checkSchema(one, at);
}

function checkSchema(value: unknown, at: string): void {
  if (typeof value === 'boolean') return;
  for (const [keyword, given] of Object.entries(fieldsOf(value, at))) {
    const check = KEYWORDS[keyword];
    assert.ok(check !== undefined, `${at}: the keyword ${keyword}`);
    check(given, `${at}.${keyword}`);
  }
}

function checkParameter(value: unknown, at: string, path: string): string {
  const { name, in: place, required, schema } = checkFields(value, at, 'name in schema', 'description required');
  assert.ok(typeof name === 'string' && (place === 'path' || place === 'query'), at);
  if (place === 'path') assert.ok(required === true && path.includes(`{${name}}`), at);
  checkSchema(schema, `${at}.schema`);
  return `${place} ${name}`;
}

function checkContent(value: unknown, at: string): Json {
  for (const [type, media] of Object.entries(fieldsOf(value, at))) {
    assert.match(type, /^[a-z]+\/[a-z-]+$/);
    checkSchema(checkFields(media, `${at}.${type}`, 'schema').schema, `${at}.${type}`);
  }
  return fieldsOf(value, at);
}

function checkResponse(value: unknown, at: string, components: Json): void {
  const { $ref } = fieldsOf(value, at);
  if ($ref !== undefined) {
    const name = /^#\/components\/responses\/(\w+)$/.exec(String($ref))?.[1] ?? '';
    assert.ok(name in fieldsOf(components.responses, 'responses'), `${at}: ${$ref}`);
    return;
  }
  const { description, content } = checkFields(value, at, 'description', 'headers content');
  assert.equal(typeof description, 'string');
  if (content !== undefined) checkContent(content, at);
}

/** The answer of one operation is among the answers of its path and method: JSON by a schema, text, bytes, events, or nothing. */
function checkAnswers(answers: Json, responses: Json, at: string): void {
  const types = Object.keys(checkContent(answers.content, at));
  const statuses = listOf(answers.statuses);
  for (const status of statuses) {
    const { content = {} } = fieldsOf(responses[String(status)], `${at} ${status}`);
    for (const type of types) assert.ok(type in fieldsOf(content, at), `${at} ${status} ${type}`);
  }
  const expected = statuses.length === 0 || statuses.includes(204) ? 0 : 1;
  assert.equal(types.length, expected, at);
}

interface ShownHandler {
  readonly actions: readonly { readonly doc: string }[];
}

const ENTRY = 'operationId tags description parameters responses security';

/** Checks one document. @returns the operations that it describes: `GET zones op` */
function checkDocument(document: unknown): readonly string[] {
  const { openapi, info, servers, tags, paths, components } = checkFields(
    document,
    'document',
    'openapi info servers tags paths components',
  );
  assert.equal(openapi, '3.1.0');
  checkFields(info, 'info', 'title version');
  assert.ok(URL.canParse(String(checkFields(listOf(servers)[0], 'servers', 'url').url)));
  const groups = listOf(tags).map((tag) => checkFields(tag, 'tag', 'name').name);
  assert.equal(new Set(groups).size, groups.length);
  const known = checkFields(components, 'components', 'securitySchemes responses schemas');
  for (const [name, one] of Object.entries(fieldsOf(known.responses, 'responses'))) checkResponse(one, name, known);
  referred.clear();
  const schemas = fieldsOf(known.schemas, 'schemas');
  for (const [name, one] of Object.entries(schemas)) checkSchema(one, name);
  const ids: unknown[] = [];
  const described: string[] = [];
  // Paths that differ only in the names of their parameters are the same path (§4.8.8).
  const templates = Object.keys(fieldsOf(paths, 'paths')).map((path) => path.replace(/\{\w+\}/g, '{}'));
  assert.equal(new Set(templates).size, templates.length);
  for (const [path, item] of Object.entries(fieldsOf(paths, 'paths'))) {
    assert.match(path, /^\/[^?#]*$/);
    const { parameters: inPath, ...methods } = checkFields(item, path, '', 'parameters get put post delete');
    const names = listOf(inPath).map((one) => checkParameter(one, path, path));
    assert.deepEqual(
      names,
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => `path ${match[1]}`),
    );
    for (const [method, value] of Object.entries(methods)) {
      const at = `${method} ${path}`;
      const entry = checkFields(value, at, ENTRY, 'requestBody');
      ids.push(entry.operationId);
      assert.ok(
        listOf(entry.tags).every((tag) => groups.includes(tag)),
        at,
      );
      const all = listOf(entry.parameters).map((one) => checkParameter(one, at, path));
      assert.equal(new Set(all).size, all.length, at);
      if (entry.requestBody !== undefined) checkContent(checkFields(entry.requestBody, at, 'content').content, at);
      for (const [status, one] of Object.entries(fieldsOf(entry.responses, at))) {
        assert.match(status, /^(?:[1-5](?:\d\d|XX)|default)$/);
        checkResponse(one, `${at} ${status}`, known);
      }
      for (const scheme of listOf(entry.security).flatMap((one) => Object.keys(fieldsOf(one, at))))
        assert.ok(scheme in fieldsOf(known.securitySchemes, at));
      for (const one of listOf(entry['x-operations'])) {
        const { op, parameters, answers } = fieldsOf(one, at);
        checkAnswers(fieldsOf(answers, `${at} ${op}`), fieldsOf(entry.responses, at), `${at} ${op}`);
        described.push(`${method.toUpperCase()} ${path} ${op ?? ''} ${listOf(parameters).join()}`);
      }
    }
  }
  for (const [name, at] of referred) assert.ok(name in schemas, `${at}: ${name}`);
  assert.deepEqual(
    Object.keys(schemas).filter((name) => !referred.has(name)),
    [],
    'no operation answers with these',
  );
  assert.equal(new Set(ids).size, ids.length);
  return described;
}

for (const version of ['1.0', '2.0'] as const) {
  test(`${version}: the description is valid OpenAPI 3.1, and has every operation with every parameter`, () =>
    withRegion(async ({ region }) => {
      const app = buildApp(makeContext(region));
      const answer = await app.inject({ url: `/MAAS/api/${version}/openapi.json`, remoteAddress: '192.0.2.7' });
      await app.close();
      assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/json']);
      const wanted = OPERATIONS.filter(({ versions }) => versions.includes(version)).map(
        ({ method, path, op, parameters }) => `${method} /${path}/ ${op ?? ''} ${Object.keys(parameters).join()}`,
      );
      assert.deepEqual(checkDocument(JSON.parse(answer.body)).toSorted(), wanted.toSorted());
    }));
}

test("the description for MAAS's command line says what each operation answers, without further parameters", () =>
  withRegion(async ({ region }) => {
    const app = buildApp(makeContext(region));
    const answer = await app.inject({ url: '/MAAS/api/2.0/describe/', remoteAddress: '192.0.2.7' });
    await app.close();
    const docs: readonly string[] = JSON.parse(answer.body).resources.flatMap((one: { readonly auth: ShownHandler }) =>
      one.auth.actions.map(({ doc }) => doc),
    );
    assert.ok(docs.every((doc) => /\n\nAnswer: [^\n]+\.$/.test(doc)));
    const wanted = ['a list of zone, as JSON', 'nothing (204)', 'registration, as JSON (200, 202)', 'always a refusal'];
    for (const text of [...wanted, 'machineKey or null, as JSON', 'plain text', 'events as they come'])
      assert.ok(
        docs.some((doc) => doc.endsWith(`\n\nAnswer: ${text}.`)),
        text,
      );
  }));
