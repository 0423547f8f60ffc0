// What `config set` reads from its words, and what a new value would drop of the stored one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listLosses, parsePairs } from '../../../src/cli/config/store.ts';
import { RackError } from '../../../src/ground/errors.ts';
import type { SettingValue } from '../../../src/machines/settings.ts';

test('keys and values are words in turn, or one word with an equals sign', () => {
  assert.deepEqual(parsePairs(['a.b', '1', 'c=x=y', 'd', 'e=f']), [
    ['a.b', '1'],
    ['c', 'x=y'],
    ['d', 'e=f'],
  ]);
  assert.throws(
    () => parsePairs(['a', '1', 'b']),
    (error) => error instanceof RackError && error.code === 'bad-argument',
  );
});

const HOST = { mac: '52:54:00:aa:00:01', ip: '10.20.0.10' };
const losses: readonly [string, string, SettingValue | undefined, SettingValue | undefined, number][] = [
  ['nothing stored', 'dns.upstream', undefined, ['192.0.2.1'], 0],
  ['a longer list', 'dns.upstream', ['192.0.2.1'], ['192.0.2.2', '192.0.2.1'], 0],
  ['another entry', 'dns.upstream', ['192.0.2.1', '192.0.2.3'], ['192.0.2.2'], 2],
  ['a list instead of a text', 'dns.upstream', '192.0.2.1 192.0.2.2', ['192.0.2.1'], 1],
  ['a text instead of a text', 'dns.upstream', '192.0.2.1 192.0.2.2', '192.0.2.2', 1],
  ['another single value', 'boot.release', 'bookworm', 'trixie', 0],
  ['a changed reservation', 'cluster_interfaces.lab.hosts', [HOST], [{ ...HOST, ip: '10.20.0.11' }], 1],
  ['the same in another order', 'cluster_interfaces.lab.hosts', [HOST], [{ ip: HOST.ip, mac: HOST.mac }], 0],
  [
    'a network without its reservations',
    'cluster_interfaces.lab',
    { ip: '10.20.0.1', hosts: [HOST] },
    { ip: '10.20.0.2' },
    1,
  ],
  ['a network with one reservation less', 'cluster_interfaces.lab', { hosts: [HOST, 'x'] }, { hosts: ['x'] }, 1],
];
for (const [name, key, before, after, count] of losses)
  test(`${name} drops ${count}`, () => assert.equal(listLosses(key, before, after).length, count));
