// The query names the operation, as MAAS's clients write it; an `op` in the body chooses only if the query has none, and otherwise is a parameter
// like any other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { machine, withSite } from './sent/trial.ts';

const BOUNDARY = 'b-1';
const part = (name: string, text: string) =>
  [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="${name}"`,
    'MIME-Version: 1.0',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(text).toString('base64'),
    '',
  ].join('\r\n');

const FORMS = {
  'application/x-www-form-urlencoded': (fields: Readonly<Record<string, string>>) => `${new URLSearchParams(fields)}`,
  'application/json': (fields: Readonly<Record<string, string>>) => JSON.stringify(fields),
  [`multipart/form-data; boundary=${BOUNDARY}`]: (fields: Readonly<Record<string, string>>) =>
    `${Object.entries(fields)
      .map(([name, text]) => part(name, text))
      .join('')}--${BOUNDARY}--\r\n`,
};

for (const [type, write] of Object.entries(FORMS))
  test(`owner data named op is data, in ${type.split(';')[0]}`, () =>
    withSite(async (site) => {
      const id = await machine(site, 'deployed', { owner: 'admin' });
      for (const op of ['set_owner_data', 'set_workload_annotations']) {
        const fields = { op: 'release', erase: 'true', colour: op };
        const answer = await assertStatus(
          site.send(`2.0/machines/${id}/?op=${op}`, write(fields), { 'content-type': type }),
          200,
        );
        assert.equal(answer.json.status_name, 'Deployed');
        assert.deepEqual(answer.json.owner_data, { ...fields, colour: op });
      }
    }));

test('an op of the body chooses the operation if the query has none, or an empty one', () =>
  withSite(async (site) => {
    const id = await machine(site, 'deployed', { owner: 'admin' });
    for (const query of ['', '?op=']) {
      const answer = await site.ask('POST', `2.0/machines/${id}/${query}`, { op: 'set_owner_data', colour: 'blue' });
      assert.deepEqual(answer.json.owner_data, { colour: 'blue' }, answer.text);
    }
  }));

test('an unknown op of the query is refused by its name, whatever the body has', () =>
  withSite(async (site) => {
    const answer = await assertStatus(site.ask('POST', '2.0/zones/?op=nope', { op: '', name: 'q1' }), 400);
    assert.match(answer.text, /nope/);
    await assertStatus(site.ask('GET', '2.0/zones/q1/'), 404);
  }));

test('keys of owner data are refused by their own bound, or stored', () =>
  withSite(async (site) => {
    const id = await machine(site, 'deployed', { owner: 'admin' });
    for (const length of [128, 129, 255, 256, 4000]) {
      const key = 'k'.repeat(length);
      const answer = await site.ask('POST', `2.0/machines/${id}/?op=set_owner_data`, { [key]: 'v' });
      assert.equal(answer.status, length <= 255 ? 200 : 400, `${length}: ${answer.text.slice(0, 200)}`);
      if (length <= 255) assert.equal(answer.json.owner_data[key], 'v');
      else assert.match(answer.text, /a key must be 1 to 255/);
    }
  }));
