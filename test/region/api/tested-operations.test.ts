// Operations that change something and have no other test. Every parameter has documentation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { enlist, report } from '../place.ts';
import { machine, withSite } from './sent/trial.ts';

test('every parameter of every operation has documentation, which --help and the description show', () => {
  const bare = OPERATIONS.flatMap(({ method, path, op, parameters, doc }) =>
    Object.entries(parameters)
      .filter(
        ([name, { description = '' }]) => !/\w/.test(description) || !doc.includes(`:param ${name}: ${description}`),
      )
      .map(([name]) => `${method} ${path} ${op ?? ''}: ${name}`),
  );
  assert.deepEqual(bare, []);
});

test('a machine is marked as broken, fixed and missing, and reinstated', () =>
  withSite(async (site) => {
    const id = await machine(site, 'ready');
    const post = async (op: string, fields = {}) => {
      const { json } = await site.ask('POST', `2.0/machines/${id}/?op=${op}`, fields);
      return [json.status_name, json.error_description];
    };
    for (const [op, fields, status, reason] of [
      ['mark_broken', {}, 'Broken', ''],
      ['mark_fixed', {}, 'Ready', ''],
      ['mark_broken', { comment: 'its fan is loud' }, 'Broken', 'its fan is loud'],
      ['mark_broken', {}, 'Broken', 'its fan is loud'],
      ['mark_broken', { error_description: 'its disk is slow' }, 'Broken', 'its disk is slow'],
      ['mark_fixed', {}, 'Ready', ''],
      ['mark_missing', {}, 'Missing', ''],
      ['reinstate', {}, 'New', ''],
    ] as const)
      assert.deepEqual(await post(op, fields), [status, reason], op);
  }));

test('two machines with a conflict are kept apart', () =>
  withSite(async (site) => {
    const { region } = site.place;
    const { systemId: id } = await enlist(region, report([0x525400000001]));
    const { systemId: other } = await enlist(region, report([0x525400000002]));
    await enlist(region, report([0x525400000002, 0x525400000001]));
    const path = `2.0/machines/${id}/`;
    assert.equal((await site.ask('GET', `${path}?op=identity`)).json.conflicts.length, 1);
    assert.deepEqual((await site.ask('POST', `${path}?op=keep_apart`, { other })).json.conflicts, []);
  }));
