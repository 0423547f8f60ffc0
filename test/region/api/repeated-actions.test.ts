// Actions that a client repeats when an answer was lost: most change nothing then, or are refused. The others say in their description that
// they are not idempotent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import type { AskedApi } from '../asked-api.ts';
import { machine, titlesOf, withSite } from './sent/trial.ts';

/** The actions of which each call makes something else, with how to see it. */
const OTHERS: readonly (readonly [title: string, fields: Readonly<Record<string, string>>])[] = [
  ['2.0 POST fabrics', {}],
  ['2.0 POST spaces', {}],
  ['2.0 POST nodes/{system_id}/interfaces/{id} link_subnet', { mode: 'auto', subnet: '10.20.0.0/24' }],
  ['2.0 POST dnsresourcerecords', { fqdn: 'a.maas', rrtype: 'TXT', rrdata: 'x' }],
  ['2.0 POST ipaddresses reserve', { subnet: '10.20.0.0/24' }],
  ['2.0 POST account create_authorisation_token', {}],
  ['2.0 POST nodes/{system_id}/blockdevices/{device_id}/partitions', { size: '1G' }],
  ['2.0 POST machines allocate', {}],
  ['2.0 POST machines/{system_id} set_storage_layout', { storage_layout: 'flat' }],
];

/** The answer to an action on a machine and its disk. */
async function call({ ask }: AskedApi, title: string, fields: Readonly<Record<string, string>>, systemId: string) {
  const [version, , path = '', op] = title.split(' ');
  const shown = (await ask('GET', `2.0/machines/${systemId}/`)).json;
  const ids = { system_id: systemId, device_id: shown.physicalblockdevice_set[0]?.id, id: shown.interface_set[0]?.id };
  const place = Object.entries(ids).reduce((text, [name, id]) => text.replace(`{${name}}`, String(id)), path);
  const answer = await ask('POST', `${version}/${place}/${op === undefined ? '' : `?op=${op}`}`, fields);
  assert.ok(answer.status < 300, `${title}: ${answer.text}`);
  return answer.json;
}

for (const [title, fields] of OTHERS)
  test(`${title} makes another one each time, and says so`, () =>
    withSite(async (site) => {
      const [first] = [await machine(site, 'ready'), await machine(site, 'ready', {}, 3)];
      const one = await call(site, title, fields, first);
      const other = await call(site, title, fields, first);
      assert.notDeepEqual(other, one);
      const found = OPERATIONS.filter((operation) => titlesOf(operation).includes(title));
      assert.match(found[0]?.doc ?? '', /\bNot idempotent\b/);
    }));
