// The difference between two configurations, as shown before a change and logged after it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { compareConfigs, computeEffects, formatChange, listValues, showValue } from '../../src/config/difference.ts';
import { parseConfig } from '../../src/config/load.ts';
import { formatIpv4, parseIpv4 } from '../../src/ground/address.ts';
import type { Settings } from '../../src/machines/settings.ts';

const BASE = `name: rack-1
state_dir: /var/lib/rackboot
cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
    lease_time: 10m
    hosts: [{ mac: "52:54:00:00:00:01", ip: 10.20.0.10 }]
`;

function usable(text: string, stored: Settings = {}) {
  const parsed = parseConfig(text, stored);
  if (!parsed.ok) assert.fail(formatProblems('f', parsed.problems));
  return parsed;
}

const changesOf = (text: string, stored: Settings = {}): readonly string[] =>
  compareConfigs(usable(BASE), usable(text, stored)).map(formatChange);

const CASES: readonly (readonly [string, string, readonly string[]])[] = [
  ['the same text is not a change', BASE, []],
  ['the same duration in another unit is not a change', BASE.replace('10m', '600'), []],
  ['the default written out is not a change', `${BASE}tftp: { listen_port: 69 }\n`, []],
  ['a value', BASE.replace('.100', '.120'), ['cluster_interfaces.lab.ip_range_low: 10.20.0.100 → 10.20.0.120']],
  ['a value that was a default', `${BASE}log: { level: debug }\n`, ['log.level: info → debug']],
  ['a list', `${BASE}dns: { upstream: "192.0.2.1 192.0.2.2" }\n`, ['dns.upstream: [] → 192.0.2.1 192.0.2.2']],
  ['a removed field', BASE.replace('    lease_time: 10m\n', ''), ['cluster_interfaces.lab.lease_time: 10m → (none)']],
  [
    'a change that waits for a restart says why',
    BASE.replace('/var/lib/rackboot', '/srv/rackboot'),
    [
      'state_dir: /var/lib/rackboot → /srv/rackboot (at the next start: the lock, the databases and the control socket are in it)',
    ],
  ],
  [
    'a renamed network is one removed and one added, a line each',
    BASE.replace('name: lab', 'name: other'),
    [
      /^cluster_interfaces\.lab: interface eth1, ip 10\.20\.0\.1, .* → \(none\)$/.source,
      /^cluster_interfaces\.other: \(none\) → interface eth1, .*$/.source,
    ],
  ],
];

for (const [name, text, expected] of CASES) {
  test(`shown as a difference: ${name}`, () => {
    const found = changesOf(text);
    assert.equal(found.length, expected.length, found.join('\n'));
    expected.forEach((line, index) => {
      if (line.startsWith('^')) assert.match(found[index] ?? '', new RegExp(line));
      else assert.equal(found[index], line);
    });
  });
}

test('a value of the store is a change like a value of the file', () => {
  assert.deepEqual(changesOf(BASE, { boot: { release: 'trixie' } }), ['boot.release: bookworm → trixie']);
  assert.deepEqual(changesOf(BASE, { cluster_interfaces: [{ name: 'lab', interface: 'eth9' }] }), [], 'the file wins');
});

test('a long value is cut, a long list is counted, and a secret is not shown at all', () => {
  assert.equal(showValue('boot.kernel_params', 'x'.repeat(500)).length, 160);
  assert.equal(showValue('hosts', Array(100).fill('a')), '100 entries');
  assert.equal(showValue('tsig_keys', [{ name: 'a', secret: 'hush' }]), '[{name: a, secret: (secret)}]');
  assert.equal(showValue('region.token', 'hush'), '(secret)');
});

test('every key is listed with its value, even a default', () => {
  const values = listValues(usable(BASE));
  assert.equal(values.get('cluster_interfaces.lab.lease_time'), '10m');
  assert.equal(values.get('cluster_interfaces.lab.management'), '2');
  assert.equal(values.get('boot.kernel_params'), '""');
  assert.equal(values.get('dns.listen'), undefined, 'a value that follows from the networks is not listed');
});

test('the effects name the opened and closed listeners, and the leases that the new ranges would not give', () => {
  const leases = ['10.20.0.100', '10.20.0.10', '10.20.0.150', '10.99.0.1'].map((text, index) => ({
    address: parseIpv4(text) ?? assert.fail(text),
    mac: `52:54:00:00:00:0${index}`,
  }));
  const after = `${BASE.replace('.100', '.120').replace(/ {4}hosts.*\n/, '')}tftp: { listen_port: 1069 }\n`;
  const { listeners, stranded } = computeEffects(usable(BASE).config, usable(after).config, leases);
  assert.deepEqual(listeners, ['opens TFTP 10.20.0.1:1069', 'closes TFTP 10.20.0.1:69']);
  assert.deepEqual(
    stranded.map(({ address }) => formatIpv4(address)),
    ['10.20.0.100', '10.20.0.10'],
  );
  assert.deepEqual(computeEffects(usable(BASE).config, usable(BASE).config, leases), { listeners: [], stranded: [] });
  const reserved = BASE.replace('ip: 10.20.0.10 }', 'ip: 10.20.0.150 }');
  assert.deepEqual(
    computeEffects(usable(BASE).config, usable(reserved).config, leases).stranded.map(({ address }) =>
      formatIpv4(address),
    ),
    ['10.20.0.10', '10.20.0.150'],
    'also an address that is now reserved for another machine',
  );
});
