// A trial of a change on PostgreSQL, in whose tables a change can meet others, leaves nothing behind either.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openPostgresRegion } from '../../../../src/store/postgres/region-postgres.ts';
import { missing } from '../../../support/needs.ts';
import { RegionDatabases } from '../../../support/postgres-server.ts';
import { LAB, withNetworks } from '../../networks/network-place.ts';

/** A request, and the parameters that the answer must name; default: all. */
type Wrong = readonly [
  method: 'POST' | 'PUT',
  path: string,
  fields: Readonly<Record<string, string>>,
  named?: readonly string[],
];

describe('on PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases?.close());

  const LONG = 'x'.repeat(5000);
  test('all wrong parameters are named, of one request or of many at a time, and nothing stays', async () => {
    const place = databases.server.placeOf(await databases.make());
    await withNetworks(
      async (ask) => {
        for (const name of ['hall', 'attic']) await ask('POST', '2.0/zones/', { name });
        await ask('POST', '2.0/fabrics/', { name: 'fab1' });
        const lists = ['zones/', 'fabrics/', 'ipranges/', 'settings/', 'events/?op=query'];
        const seen = () => Promise.all(lists.map(async (path) => (await ask('GET', `2.0/${path}`)).text));
        const former = await seen();
        const wrong: readonly Wrong[] = [
          ['POST', '2.0/zones/', { name: 'hall', description: LONG }],
          ['PUT', '2.0/zones/attic/', { name: 'hall', description: LONG }],
          ['POST', '2.0/zones/', { name: 'cellar', description: LONG }, ['description']],
          ['POST', '2.0/fabrics/', { name: 'fab1', description: LONG }],
          [
            'POST',
            '2.0/ipranges/',
            { type: 'x', start_ip: '10.20.0.120', end_ip: '10.20.0.110', subnet: 'z' },
            ['end_ip', 'subnet', 'type'],
          ],
          ['POST', '2.0/dnsresources/', { fqdn: 'www.elsewhere', ip_addresses: 'x', address_ttl: 'y' }],
        ];
        const check = async ([method, path, fields, named = Object.keys(fields)]: Wrong) => {
          const answer = await ask(method, path, fields);
          assert.equal(answer.status, 400, `${path}: ${answer.text}`);
          assert.deepEqual(Object.keys(answer.json).toSorted(), [...named].toSorted(), path);
        };
        for (const one of wrong) await check(one);
        await Promise.all([...wrong, ...wrong, ...wrong].map(check));
        assert.deepEqual(await seen(), former);
      },
      { lab: LAB },
      {},
      await openPostgresRegion(place),
    );
  });
});
