// What `check` says of `dns.records`, and which of them the settings refuse: what the running rack would leave out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { findRecordFaults } from '../../src/config/record-faults.ts';
import { makeSettingsRules } from '../../src/config/settings-rules.ts';

const FILE = `name: rack-1
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, management: 2, hosts: [{ client_id: x, ip: 10.20.0.20, hostname: two-ids }] }
`;

function faultsOf(records: string) {
  const parsed = parseConfig(`${FILE}dns:\n  records: [${records}]\n`);
  return findRecordFaults(parsed.ok ? parsed.config : assert.fail(formatProblems('f', parsed.problems)));
}

const LEFT: readonly (readonly [name: string, records: string, faults: readonly (readonly [number, string])[]])[] = [
  ['a CNAME at the apex', '{ name: maas, type: CNAME, data: gw.maas }', [[0, 'hides-host']]],
  [
    'CNAMEs in a loop',
    '{ name: a.maas, type: A, data: 10.20.0.5 }, { name: l.maas, type: CNAME, data: k.maas }, { name: k.maas, type: CNAME, data: L.maas. }',
    [
      [1, 'alias-loop'],
      [2, 'alias-loop'],
    ],
  ],
  [
    'a CNAME beside other data',
    '{ name: b.maas, type: A, data: 10.20.0.7 }, { name: B.maas, type: CNAME, data: gw.maas }',
    [[1, 'alias-beside-others']],
  ],
  [
    'a second CNAME',
    '{ name: b.maas, type: CNAME, data: x.maas }, { name: b.maas, type: CNAME, data: y.maas }',
    [[1, 'alias-twice']],
  ],
  ['a CNAME at the name of a host', '{ name: two-ids.maas, type: CNAME, data: gw.maas }', [[0, 'hides-host']]],
  ['a CNAME at the name of the rack', '{ name: rack-1.maas, type: CNAME, data: gw.maas }', [[0, 'hides-host']]],
  ['a delegation of the name of a host', '{ name: two-ids.maas, type: NS, data: gw.maas }', [[0, 'hides-host']]],
  [
    'an MX at the apex, and a lone CNAME',
    '{ name: maas, type: MX, data: 10 m }, { name: c.maas, type: CNAME, data: x }',
    [],
  ],
];
for (const [name, records, faults] of LEFT)
  test(`check on ${name} says what the rack does`, () =>
    assert.deepEqual(
      faultsOf(records).omittedRecords.map(({ index, reason }) => [index, reason]),
      faults,
    ));

test('a record of a delegated name is named, but not the addresses of its name servers', () => {
  const { delegatedRecords } = faultsOf(
    '{ name: sub.maas, type: NS, data: ns.sub.maas }, { name: ns.sub.maas, type: A, data: 10.20.0.5 }, ' +
      '{ name: sub.maas, type: A, data: 10.20.0.6 }, { name: t.sub.maas, type: TXT, data: x }, { name: a.maas, type: A, data: 10.20.0.7 }',
  );
  assert.deepEqual(
    delegatedRecords.map(({ index }) => index),
    [2, 3],
  );
});

test('a reservation of the rack’s own name is named', () => {
  const own = FILE.replace('two-ids', 'rack-1');
  const parsed = parseConfig(own);
  const { namelessReservations } = findRecordFaults(
    parsed.ok ? parsed.config : assert.fail(formatProblems('f', parsed.problems)),
  );
  assert.equal(namelessReservations.length, 1);
  assert.match(namelessReservations[0] ?? '', /rack-1\.maas/);
});

test('a record that takes the name of a host or of the rack is named', () => {
  const { omittedRecords, takingRecords } = faultsOf(
    '{ name: two-ids.maas, type: A, data: 10.20.0.77 }, { name: rack-1.maas, type: A, data: 10.20.0.78 }',
  );
  assert.deepEqual([omittedRecords, takingRecords.map(({ index }) => index)], [[], [0, 1]]);
});

test('an alias that only leads back to its own wildcard is named, unless a host has the name where it leads', () => {
  const circling = (records: string): readonly number[] => faultsOf(records).circlingRecords.map(({ index }) => index);
  const star = '{ name: "*.maas", type: CNAME, data: x.maas }';
  assert.deepEqual(circling(star), [0]);
  assert.deepEqual(circling(`${star}, { name: a.maas, type: CNAME, data: y.maas }`), [0, 1], 'and what leads to it');
  assert.deepEqual(circling(`${star}, { name: x.maas, type: A, data: 10.20.0.9 }`), []);
  assert.deepEqual(circling('{ name: "*.maas", type: CNAME, data: two-ids.maas }'), []);
  assert.deepEqual(circling('{ name: "*.maas", type: CNAME, data: www.example }'), []);
  assert.deepEqual(circling('{ name: "*.apps.maas", type: CNAME, data: rack-1.maas }'), []);
});

test('the settings refuse a new record that no rack would serve, and leave those that are there alone', () => {
  const rules = makeSettingsRules(() => []);
  const settings = (...names: readonly string[]) => ({
    dns: { records: names.map((name) => ({ name, type: 'CNAME', data: 'x.example' })) },
  });
  const keys = (before: readonly string[], after: readonly string[]) =>
    rules.recordFaultsOf({}, settings(...before), settings(...after)).map(({ key }) => key);
  assert.deepEqual(keys([], ['maas']), ['dns.records[0].type']);
  assert.deepEqual(keys(['maas'], ['a.maas', 'maas']), []);
});
