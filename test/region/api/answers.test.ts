// The answers of a real region are what the table of operations says of them: status, media type, and each property with its type. The trials of
// all parameters are run, and what each has made is read in every way. `ask` compares every answer with the table.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { API_VERSIONS, OPERATIONS } from '../../../src/region/api/operations.ts';
import type { Answered, AskedApi } from '../asked-api.ts';
import { answeredTitles } from './answer-check.ts';
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
  ...inBoth('POST boot-resources/{id} resume', IMAGES),
  '1.0 GET nodegroups/{uuid}/boot-images/{id}': IMAGES,
  '2.0 GET discovery/{discovery_id}': 'region/api/discovery-api.test.ts',
  '2.0 POST discovery clear_by_mac_and_ip': 'region/api/discovery-api.test.ts',
  // They need a rack that answers.
  '2.0 POST subnets/{id} end_lease': 'region/page/networks-page.test.ts',
  '2.0 POST subnets/{id} clear_declined': 'region/page/networks-page.test.ts',
};

/**
 * Reads what a trial has changed in every way, at its path and those above it. Then repeats the trial in the other version, deletes what it has
 * made, and calls what else had no answer yet.
 */
async function goOn(site: AskedApi, trial: Trial, request: TrialRequest, answer: Answered) {
  const [, method = '', where = ''] = trial.of.split(' ');
  const { path = {}, fields = {} } = request.given;
  const ask = (title: string, sent?: Fields) => site.ask(methodOf(title.split(' ')[1] ?? ''), urlOf(title, path), sent);
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
  return (operation.method === 'DELETE') === isLast
    ? titlesOf(operation).filter((title) => !answeredTitles.has(title))
    : [];
}

for (const [group, trials] of Object.entries(GROUPS))
  test(`every answer of a trial has the status, the type and the properties of the table: ${group}`, async () => {
    for (const trial of trials)
      await withSite(async (site) => {
        const request = await requestOf(trial, site);
        const fields = { ...request.given.fields, ...request.sent };
        await goOn(site, trial, request, await site.ask(request.method, request.url, fields, trial.by));
      }, trial.options);
  });

test('every operation that has a place of its own is called without parameters, and answers as the table says', async () => {
  await withSite(async (site) => {
    for (const { method, path, answers, ...operation } of OPERATIONS)
      if (answers !== 'stream' && !path.includes('{'))
        for (const title of titlesOf({ method, path, answers, ...operation })) await site.ask(method, urlOf(title), {});
    await site.ask('POST', '2.0/discovery/?op=clear', { all: 'true' });
    const [region] = (await site.ask('GET', '2.0/regioncontrollers/')).json;
    await site.ask('GET', `2.0/regioncontrollers/${region.system_id}/`);
    for (const method of ['GET', 'DELETE'] as const)
      await site.ask(method, `1.0/nodegroups/${OWN_RACK.uuid}/interfaces/lab/`);
  });
});

test('every operation that can succeed has had an answer', () => {
  const missing = OPERATIONS.filter(({ answers }) => answers !== 'refusal')
    .flatMap(titlesOf)
    .filter((title) => !answeredTitles.has(title));
  assert.deepEqual(missing.toSorted(), Object.keys(ELSEWHERE).toSorted());
});
