// A 400 names every wrong parameter, whether its schema, the store or another parameter makes it wrong; and the trial of a change that finds
// them leaves nothing behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../../../src/region/api/call/operation.ts';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import type { AskedApi } from '../../asked-api.ts';
import { seen } from '../seen.ts';
import { withSite } from '../sent/trial.ts';
import { unfitFields } from '../unfit.ts';
import { FAULT_ROWS, type FaultRow, SCHEMA_ONLY } from './fault-rows.ts';
import { buildSite, type Ids } from './fault-site.ts';

type Texts = Readonly<Record<string, string>>;

const titleOf = ({ method, path, op }: Operation): string => `${method} ${path}${op === undefined ? '' : ` ${op}`}`;

test('every operation with several parameters has a row of faults, or a reason why it has none', () => {
  const known = new Set([...FAULT_ROWS.map(({ of }) => of), ...Object.keys(SCHEMA_ONLY)]);
  const all = OPERATIONS.filter(({ parameters }) => Object.keys(parameters).length > 1).map(titleOf);
  assert.deepEqual(
    all.filter((title) => !known.has(title)),
    [],
  );
  assert.deepEqual(
    [...known].filter((title) => !all.includes(title)),
    [],
  );
});

/** The fields of a request, those that the answer must name, and those that it may name. */
interface Question {
  readonly fields: Texts;
  readonly wrong: readonly string[];
  readonly unjudged: readonly string[];
}

/** All faults alone; with every other parameter refused by its schema; and with each fault in turn refused by its schema. */
function questionsOf({ right = {}, faults, needs = {} }: FaultRow, unfit: Texts): readonly Question[] {
  const names = Object.keys(faults);
  const withUnfit = (bad: Texts): Question => {
    const isLost = (name: string): boolean => !(name in bad) && (needs[name] ?? []).some((one) => one in bad);
    const fields = { ...right, ...faults, ...bad };
    const wrong = Object.keys({ ...faults, ...bad });
    return { fields, wrong: wrong.filter((name) => !isLost(name)), unjudged: wrong.filter(isLost) };
  };
  const others = Object.entries(unfit).filter(([name]) => !(name in right) && !(name in faults));
  return [
    withUnfit({}),
    withUnfit(Object.fromEntries(others)),
    ...names.flatMap((name) => (unfit[name] === undefined ? [] : [withUnfit({ [name]: unfit[name] })])),
  ];
}

const filled = (text: string, ids: Ids): string => text.replace(/<(\w+)>/g, (_all, name: string) => ids[name] ?? name);

function urlOf({ versions, path, op }: Operation, { at = {} }: FaultRow, ids: Ids): string {
  const place: Texts = { system_id: 'machine', uuid: 'rack', ...at };
  const here = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const text = place[name] ?? name;
    return encodeURIComponent(text.startsWith('=') ? text.slice(1) : (ids[text] ?? text));
  });
  return `${versions[0]}/${here}/${op === undefined ? '' : `?op=${op}`}`;
}

const shown = (sent: Texts): string =>
  Object.entries(sent)
    .map(([name, text]) => `${name}=${text.slice(0, 12)}`)
    .join(' ');

/** The faults of the answers to the questions of these rows. @param isBusy a state refuses them unless a schema does before */
async function problemsOf(site: AskedApi, ids: Ids, rows: readonly FaultRow[], isBusy = false) {
  const problems: string[] = [];
  for (const row of rows)
    for (const operation of OPERATIONS.filter((one) => titleOf(one) === row.of)) {
      const url = urlOf(operation, row, ids);
      const unfit = unfitFields(operation);
      for (const { fields, wrong, unjudged } of questionsOf(row, unfit)) {
        const sent = Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, filled(text, ids)]));
        const answer = await site.ask(operation.method, url, sent);
        const passesSchema = Object.keys(fields).every((name) => fields[name] !== unfit[name]);
        if (isBusy && passesSchema && answer.status === 409) continue;
        const isByField = answer.status === 400 && answer.json !== undefined;
        const named = isByField ? Object.keys(answer.json) : [];
        const missing = wrong.filter((name) => !named.includes(name));
        const strange = named.filter((name) => !wrong.includes(name) && !unjudged.includes(name));
        if (missing.length + strange.length === 0) continue;
        const text = isByField ? '' : ` (${answer.status} ${answer.text.slice(0, 300)})`;
        problems.push(`${row.of} ${shown(sent)}: does not name ${missing}; names ${strange}${text}`);
      }
    }
  return problems;
}

test('each operation names all wrong parameters at once, and changes nothing', () =>
  withSite(async (site) => {
    const ids = await buildSite(site);
    const before = await seen(site);
    assert.deepEqual(await problemsOf(site, ids, FAULT_ROWS), []);
    assert.deepEqual(await seen(site), before);
  }));

test('the state of a machine, which refuses every change of its layout, hides no wrong parameter', () =>
  withSite(async (site) => {
    const ids = await buildSite(site);
    const { store } = site.place;
    await store.changeMachine(ids.machine ?? '', 1, () => ({
      kind: 'change',
      fields: { status: 'deploying' },
      events: [],
    }));
    const before = await seen(site);
    const laying = /blockdevices|raids?|volume-group|interfaces|set_storage_layout/;
    const rows = FAULT_ROWS.filter(({ of }) => of.includes('{system_id}') && laying.test(of));
    assert.ok(rows.length > 20, String(rows.length));
    assert.deepEqual(await problemsOf(site, ids, rows, true), []);
    assert.deepEqual(await seen(site), before);
  }));
