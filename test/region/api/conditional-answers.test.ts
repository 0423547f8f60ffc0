// A change with the entity tag of its object is answered as one without it, whether it is made or refused; and of two with one tag, one is made.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answered, AskedApi } from '../asked-api.ts';
import { ALONE, askIf, CONDITIONAL, isSteady, tagOf, trialsOf } from './sent/conditional.ts';
import { requestOf, type Trial, type TrialRequest, withSite } from './sent/trial.ts';

const allOf = ({ given, sent }: TrialRequest) => ({ ...given.fields, ...sent });

/** An answer without what chance decides: the ids and the names of machines. */
async function seen({ place }: AskedApi, { status, text, headers }: Answered): Promise<string> {
  const { store } = place;
  const machines = [...(await store.listMachines({}, 0, 99)), ...(await store.listMachines({ isDevice: true }, 0, 99))];
  const named = machines.reduce(
    (said, { systemId, hostname, id }) => said.replaceAll(systemId, `machine ${id}`).replaceAll(hostname, `name ${id}`),
    text,
  );
  return `${status} ${String(headers['x-rackboot-refusal'] ?? '')} ${named}`;
}

/** The answer without a tag. Then what is refused is refused in the same words with any tag. */
async function withoutTag(trial: Trial, faults: string[]): Promise<string> {
  let plain = '';
  await withSite(async (site) => {
    const request = await requestOf(trial, site);
    const { method, url } = request;
    const fields = allOf(request);
    plain = await seen(site, await askIf(site, method, url, fields, undefined, trial.by));
    const garbage = Object.fromEntries(Object.keys(fields).map((name) => [name, '?! /']));
    const absent = url.replace(/[^/]+\/(?=$|\?)/, '987654/');
    for (const [where, what] of [
      [absent, fields],
      [url, garbage],
      [url, fields],
    ] as const) {
      const without = await askIf(site, method, where, what, undefined, trial.by);
      if (without.status < 400) continue;
      const refused = await seen(site, without);
      const said = await seen(site, await askIf(site, method, where, what, '*', trial.by));
      if (said !== refused) faults.push(`${where}: ${said} instead of ${refused}`);
    }
  }, trial.options);
  return plain;
}

async function faultsOf(trial: Trial): Promise<readonly string[]> {
  const { of, by } = trial;
  const faults: string[] = [];
  const plain = await withoutTag(trial, faults);
  await withSite(async (site) => {
    const request = await requestOf(trial, site);
    const { method, url, given } = request;
    const tag = await tagOf(site, of, given, allOf(request), by);
    if (tag === undefined) return void faults.push('the object has no entity tag');
    const both = await Promise.all([1, 2].map(() => askIf(site, method, url, allOf(request), tag, by)));
    const texts = await Promise.all(both.map((answer) => seen(site, answer)));
    if (!texts.includes(plain)) faults.push(`${texts.join('\n')}\n instead of ${plain}`);
    // A name in the path may be another one now.
    const isGone = (status: number): boolean => (method === 'DELETE' || method === 'PUT') && status === 404;
    const made = both.filter(({ status }) => status < 300).length;
    const refused = both.filter(({ status }) => status === 412 || isGone(status)).length;
    if (plain.startsWith('2') && !isSteady(trial) && (made !== 1 || refused !== 1))
      faults.push(`two with one tag: ${texts.join('\n')}`);
  }, trial.options);
  return faults;
}

/** The parameters that were sent alone, by operation. */
const tried = new Map<string, readonly string[]>();

/** The parameters of a change that leave the tag as it is, although they change the object. */
async function hiddenOf(trial: Trial): Promise<readonly string[]> {
  const faults: string[] = [];
  const others = ALONE[trial.of.split(' ').slice(1).join(' ')] ?? {};
  await withSite(async (site) => {
    const request = await requestOf(trial, site);
    const { method, url, given, sent } = request;
    tried.set(trial.of, [...(tried.get(trial.of) ?? []), ...Object.keys(sent)]);
    const tagNow = () => tagOf(site, trial.of, given, allOf(request), trial.by);
    for (const name of Object.keys(sent).toSorted((one, other) => Number(isName(one)) - Number(isName(other)))) {
      const other = others[name] ?? sent[name] ?? '';
      if (isAlone(other) && other.same !== undefined) continue;
      const { value, needs } = isAlone(other) ? other : { value: other, needs: {} };
      const tag = await tagNow();
      const fields = { ...given.fields, ...needs, [name]: value };
      const { status, text } = await askIf(site, method, url, fields, tag, trial.by);
      if (status >= 300) faults.push(`${name}: ${status} ${text}`);
      else if ((await tagNow()) === tag) faults.push(`${name}: the tag is the same`);
    }
  }, trial.options);
  return faults;
}

const isAlone = <A extends object>(value: A | string | readonly string[]): value is A =>
  typeof value !== 'string' && !Array.isArray(value);

/** A parameter that may change the path. */
const isName = (parameter: string): boolean => ['name', 'vid'].includes(parameter);

for (const [title] of CONDITIONAL)
  test(title, async () => {
    const trials = trialsOf(title);
    assert.ok(trials.length > 0, 'no trial');
    for (const trial of trials) assert.deepEqual(await faultsOf(trial), []);
  });

for (const [title, { method }] of CONDITIONAL)
  if (method === 'PUT')
    test(`parameters of ${title}`, async () => {
      for (const trial of trialsOf(title)) assert.deepEqual(await hiddenOf(trial), []);
    });

test('no parameter of a change is left out', () => {
  const missing = [...CONDITIONAL].flatMap(([title, { method, parameters }]) => {
    const known = [...(tried.get(title) ?? []), ...Object.keys(ALONE[title.split(' ').slice(1).join(' ')] ?? {})];
    return method === 'PUT'
      ? Object.keys(parameters).flatMap((name) => (known.includes(name) ? [] : [`${title}: ${name}`]))
      : [];
  });
  assert.deepEqual(missing, []);
});
