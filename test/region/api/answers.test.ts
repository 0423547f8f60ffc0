// The answers of a real region are what the table of operations says of them: status, media type, and each property with its type. The trials of
// all parameters are run, and what each has made is read in every way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectSchemas } from '../../../src/region/api/answers/answer-objects.ts';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { API_VERSIONS, OPERATIONS } from '../../../src/region/api/operations.ts';
import { successOf } from '../../../src/region/http/openapi.ts';
import { findOperations } from '../../../src/region/http/operation-paths.ts';
import type { Answered, Ask, AskedApi } from '../asked-api.ts';
import { GROUPS } from './sent/every-trial.ts';
import {
  type Fields,
  type Given,
  methodOf,
  OWN_RACK,
  requestOf,
  type Trial,
  type TrialRequest,
  titlesOf,
  urlOf,
  withSite,
} from './sent/trial.ts';

type Json = Readonly<Record<string, unknown>>;

const UPLOADS = 'region/api/boot-uploads-api.test.ts';
const IMAGES = 'region/api/boot-resources-api.test.ts';
const inBoth = (title: string, file: string) =>
  Object.fromEntries(API_VERSIONS.map((one) => [`${one} ${title}`, file]));

/** Operations of which no trial here has a successful answer, with the test that has one. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...inBoth('GET events follow', 'region/http/event-followers.test.ts'),
  ...inBoth('POST boot-resources', UPLOADS),
  ...inBoth('PUT boot-resources/{id}/upload/{file}', UPLOADS),
  ...inBoth('GET boot-resources/{id}', UPLOADS),
  ...inBoth('DELETE boot-resources/{id}', UPLOADS),
  ...inBoth('POST boot-resources/{id} pause', IMAGES),
  ...inBoth('POST boot-resources/{id} resume', IMAGES),
  ...inBoth('POST boot-resources/{id} cancel', IMAGES),
  '1.0 GET nodegroups/{uuid}/boot-images/{id}': 'region/api/old-nodes-api.test.ts',
  '2.0 GET discovery/{discovery_id}': 'region/api/discovery-api.test.ts',
  '2.0 POST discovery clear_by_mac_and_ip': 'region/api/discovery-api.test.ts',
};

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

/** Compares one successful answer with the table. */
function judge(version: string, operation: Operation, { status, headers, json }: Answered): readonly string[] {
  const { statuses, content } = successOf(operation);
  const wanted: readonly number[] = statuses;
  if (!wanted.includes(status)) return [`the status is ${status}`];
  const type = String(headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  const types = Object.keys(content);
  if (types.length === 0) return type === '' ? [] : [`the answer has ${type}`];
  if (!types.includes(type)) return [`the answer is ${type}`];
  const { schema } = Object.entries<Json>(content).find(([name]) => name === type)?.[1] ?? {};
  return type === 'application/json' ? faultsOf(KNOWN.get(version) ?? {}, schema, json, '') : [];
}

const seen = new Set<string>();
const faults = new Set<string>();

/** A site of which every successful answer is compared with the table. */
function watched(site: AskedApi): AskedApi {
  const ask: Ask = async (method, path, fields, by) => {
    const answer = await site.ask(method, path, fields, by);
    const version = API_VERSIONS.find((one) => path.startsWith(`${one}/`));
    if (answer.status >= 300 || version === undefined) return answer;
    const found = findOperations(version, `/MAAS/api/${path}`);
    const op = new URL(path, 'http://maas').searchParams.get('op') ?? [fields?.op].flat().at(-1);
    const all = found.kind === 'operations' ? found.operations : [];
    const operation = all.find((one) => one.method === method && one.op === (op || undefined));
    if (operation === undefined) return answer;
    const title = titlesOf(operation).find((one) => one.startsWith(version)) ?? '';
    seen.add(title);
    for (const fault of judge(version, operation, answer)) faults.add(`${title}: ${fault.replace(/\[\d+\]/g, '[]')}`);
    return answer;
  };
  return { ...site, ask };
}

/**
 * Reads what a trial has changed in every way, at its path and those above it. Then repeats the trial in the other version, deletes what it has
 * made, and calls what else had no answer yet.
 */
async function goOn(site: AskedApi, trial: Trial, request: TrialRequest, answer: Answered): Promise<void> {
  const [, method = '', where = ''] = trial.of.split(' ');
  const { path = {}, fields = {} } = request.given;
  const ask = (title: string, sent?: Fields): Promise<Answered> =>
    site.ask(methodOf(title.split(' ')[1] ?? ''), urlOf(title, path), sent);
  const reading = OPERATIONS.filter(
    (one) =>
      one.method === 'GET' && (where === one.path || where.startsWith(`${one.path}/`)) && one.answers !== 'stream',
  );
  for (const title of reading.flatMap(titlesOf)) await ask(title);
  const operation = OPERATIONS.find((one) => titlesOf(one).includes(trial.of));
  for (const title of operation === undefined ? [] : titlesOf(operation))
    if (title !== trial.of) await ask(title, { ...fields, ...request.sent });
  for (const title of OPERATIONS.flatMap((one) => unseenAt(one, path, false))) await ask(title, {});
  const made: unknown = Object(answer.json).resource_uri;
  if (typeof made === 'string' && method === 'POST') {
    await site.ask('GET', made.replace('/MAAS/api/', ''));
    await site.ask('DELETE', made.replace('/MAAS/api/', ''));
  }
  for (const title of OPERATIONS.flatMap((one) => unseenAt(one, path, true))) await ask(title, {});
}

/** The titles of an operation that had no answer yet and of whose path all parts are given. @param isLast true: of deletions */
function unseenAt(operation: Operation, given: NonNullable<Given['path']>, isLast: boolean): readonly string[] {
  const parts = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  if (parts.length === 0 || !parts.every((part) => part in given) || operation.answers === 'stream') return [];
  return (operation.method === 'DELETE') === isLast ? titlesOf(operation).filter((title) => !seen.has(title)) : [];
}

for (const [group, trials] of Object.entries(GROUPS))
  test(`every answer of a trial has the status, the type and the properties of the table: ${group}`, async () => {
    for (const trial of trials)
      await withSite(async (bare) => {
        const site = watched(bare);
        const request = await requestOf(trial, site);
        const fields = { ...request.given.fields, ...request.sent };
        await goOn(site, trial, request, await site.ask(request.method, request.url, fields, trial.by));
      }, trial.options);
    assert.deepEqual([...faults], []);
  });

test('every operation that has a place of its own is called without parameters, and answers as the table says', async () => {
  await withSite(async (bare) => {
    const site = watched(bare);
    for (const { method, path, answers, ...operation } of OPERATIONS)
      if (answers !== 'stream' && !path.includes('{'))
        for (const title of titlesOf({ method, path, answers, ...operation })) await site.ask(method, urlOf(title), {});
    await site.ask('POST', '2.0/discovery/?op=clear', { all: 'true' });
    const [region] = (await site.ask('GET', '2.0/regioncontrollers/')).json;
    await site.ask('GET', `2.0/regioncontrollers/${region.system_id}/`);
    for (const method of ['GET', 'DELETE'] as const)
      await site.ask(method, `1.0/nodegroups/${OWN_RACK.uuid}/interfaces/lab/`);
  });
  assert.deepEqual([...faults], []);
});

test('every operation that can succeed has had an answer', () => {
  const missing = OPERATIONS.filter(({ answers }) => answers !== 'refusal')
    .flatMap(titlesOf)
    .filter((title) => !seen.has(title));
  assert.deepEqual(missing.toSorted(), Object.keys(ELSEWHERE).toSorted());
});
