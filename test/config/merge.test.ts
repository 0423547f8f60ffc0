// Merging the file and the store into one configuration: the file wins, whatever the store has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatProblems } from '../../src/config/config-file.ts';
import { STORE_KEYS } from '../../src/config/keys.ts';
import { parseConfig } from '../../src/config/load.ts';
import { isWritten, listPinnedKeys, mergeSettings } from '../../src/config/merge.ts';
import { findValueOwner } from '../../src/config/ownership.ts';
import {
  INTERFACES_KEY,
  interfaceName,
  listInterfaces,
  type Settings,
  type SettingValue,
  valueAt,
  withValue,
} from '../../src/machines/settings.ts';

const LAB = { name: 'lab', interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/24' };
const RANGE = { ip_range_low: '10.20.0.100', ip_range_high: '10.20.0.199' };
const FAR = {
  name: 'far',
  interface: 'eth2',
  ip: '10.30.0.1',
  network: '10.30.0.0/24',
  ip_range_low: '10.30.0.100',
  ip_range_high: '10.30.0.199',
};

const CASES: readonly (readonly [string, Settings, Settings, Settings])[] = [
  ['an empty store leaves the file unchanged', { name: 'a' }, {}, { name: 'a' }],
  ['a key missing in the file comes from the store', {}, { dns: { domain: 'lab' } }, { dns: { domain: 'lab' } }],
  [
    'a key of the store joins one of the file',
    { dns: { listen: ['10.0.0.1'] } },
    { dns: { upstream: ['192.0.2.1'] } },
    { dns: { listen: ['10.0.0.1'], upstream: ['192.0.2.1'] } },
  ],
  [
    'a key in both comes from the file',
    { dns: { upstream: [] } },
    { dns: { upstream: ['192.0.2.1'] } },
    { dns: { upstream: [] } },
  ],
  [
    'a key with an empty value in the file comes from the file',
    { boot: { release: null } },
    { boot: { release: 'x' } },
    { boot: { release: null } },
  ],
  ['a value of the file in place of a mapping stays', { dns: 5 }, { dns: { domain: 'lab' } }, { dns: 5 }],
  [
    'a cluster interface of another name follows those of the file',
    { cluster_interfaces: [LAB] },
    { cluster_interfaces: [FAR] },
    { cluster_interfaces: [LAB, FAR] },
  ],
  [
    'a cluster interface in both comes whole from the file, not field by field',
    { cluster_interfaces: [LAB] },
    { cluster_interfaces: [{ ...LAB, ...RANGE }] },
    { cluster_interfaces: [LAB] },
  ],
  [
    'a value of the file in place of the list of networks stays',
    { cluster_interfaces: 'x' },
    { cluster_interfaces: [LAB] },
    { cluster_interfaces: 'x' },
  ],
  ['a file-only key in the store is ignored', {}, { tftp: { listen_port: 1069 }, state_dir: '/x' }, {}],
];

for (const [name, file, stored, merged] of CASES) {
  test(name, () => assert.deepEqual(mergeSettings(file, stored).merged, merged));
}

test('keys that the store may not own are listed', () => {
  const stored = { tftp: { listen_port: 1069 }, dns: { listen: ['1.2.3.4'], domain: 'x' }, colour: { red: 1 } };
  assert.deepEqual(mergeSettings({}, stored).notOwnable, ['tftp.listen_port', 'dns.listen', 'colour.red']);
  const parsed = parseConfig('', stored);
  assert.ok(!parsed.ok);
  assert.match(
    formatProblems('f', parsed.problems),
    /^the region's store: tftp\.listen_port: only the configuration file may own this$/m,
  );
});

/** A value for each key that the store may own. */
const STORED_VALUES: Readonly<Record<string, SettingValue>> = {
  cluster_interfaces: [FAR],
  'dhcp.foreign_probe': '5m',
  'dhcp.new_clients_per_second': 50,
  'dhcp.lease_time': '10m',
  'dhcp.pxe_lease_time': '10m',
  'dhcp.deployed_lease_time': '1d',
  'dhcp.lease_time_min': '60s',
  'dhcp.lease_time_max': '7d',
  'dhcp.t1': '5m',
  'dhcp.t2': '8m',
  'dhcp.options': [{ name: 'tftp-server-name', value: 'x.example' }],
  'dhcp.classes': [{ name: 'guests', when: { hostname: '*-guest' }, deny: true }],
  'dns.domain': 'lab',
  'dns.upstream': ['192.0.2.1'],
  'dns.forward_zones': { 'lab.example': ['192.0.2.1'] },
  'dns.dnssec_validation': 'no',
  'dns.domains': ['lab.example'],
  'dns.records': [{ name: 'www.maas', type: 'A', data: '10.20.0.5' }],
  'dns.allow_recursion': ['10.0.0.0/8'],
  'tftp.allow': ['198.51.100.0/24'],
  'boot.loaders': { 7: 'x.efi' },
  'boot.quirks': [],
  'boot.kernel_params': 'quiet',
  enable_http_proxy: false,
  'deployment.osystem': 'debian',
  'deployment.release': 'trixie',
  'deployment.kernel': 'hwe-24.04',
  'boot.release': 'trixie',
  'boot.enlist_with': 'installer',
  'boot.copy_images': false,
  'boot.profiles': [{ name: 'memtest', file: 'profiles/memtest', machines: ['52:54:00:AA:00:01'] }],
  'boot.menu': '10s',
  'enlistment.bmc_user': false,
  'enlistment.name': 'serial',
  http_proxy: 'none',
  'preseeds.debian_mirror': 'http://mirror.example/debian',
  'preseeds.ubuntu_mirror': 'http://mirror.example/ubuntu',
  'preseeds.ubuntu_ports_mirror': 'http://mirror.example/ports',
  'region.public_url': 'http://rack.example/MAAS',
  'region.new_machines_max': 5,
  'region.retries': 2,
  'region.import_every': '2h',
  'region.import_limit': 2.5,
  'region.import_keep': 3,
  'region.default_zone_description': 'Hall 1\nRow 2',
  'region.default_pool_description': 'Of everybody',
  'region.first_run_done': true,
  'region.name': 'Hall 1',
  'log.level': 'debug',
  'log.levels': { dhcp: 'debug' },
};

for (const key of STORE_KEYS)
  test(`the store can own ${key}, and it is in force`, () => {
    const value = STORED_VALUES[key];
    assert.ok(value !== undefined, `add a value of ${key} to STORED_VALUES`);
    const parsed = parseConfig('', withValue({}, key, value));
    assert.ok(parsed.ok, parsed.ok ? '' : formatProblems('f', parsed.problems));
    assert.deepEqual(valueAt(parsed.merged, key), value);
  });

test('a file pins its keys, and its cluster interfaces by name', () => {
  const file = { name: 'a', dns: { upstream: [], listen: [] }, boot: { tree: '/x' }, cluster_interfaces: [LAB] };
  assert.deepEqual(listPinnedKeys(file), ['dns.upstream', 'cluster_interfaces.lab']);
  assert.deepEqual(listPinnedKeys({}), []);
});

test('a problem names the place of its value: the line of the file, or the key of the store', () => {
  const text =
    'cluster_interfaces:\n  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, management: 0 }\n';
  const wrong = parseConfig(text, {
    cluster_interfaces: [{ ...FAR, ip_range_low: '10.40.0.1' }],
    dns: { upstream: 'x' },
  });
  assert.ok(!wrong.ok);
  const reported = formatProblems('f', wrong.problems);
  assert.match(reported, /^the region's store: cluster_interfaces\.far\.ip_range_low: 10\.40\.0\.1 is not inside/m);
  assert.match(reported, /^the region's store: dns\.upstream: expected upstream servers/m);
  const overlapping = parseConfig(text, { cluster_interfaces: [{ ...FAR, network: '10.20.0.0/16', ip: '10.20.0.9' }] });
  assert.ok(!overlapping.ok);
  assert.match(
    formatProblems('f', overlapping.problems),
    /^the region's store: cluster_interfaces\.far\.network: .* overlaps/m,
  );
  const own = parseConfig(text.replace('10.20.0.1,', '10.20.1.1,'), { cluster_interfaces: [FAR] });
  assert.ok(!own.ok);
  assert.match(formatProblems('f', own.problems), /^f:2: cluster_interfaces\[0\]\.ip: /m);
});

test('for a network in the file and in the store under two names, the problem names both and the remedy', () => {
  const entry = { ...LAB, ...RANGE };
  const text = (name: string): string => `cluster_interfaces: [${JSON.stringify({ ...entry, name })}]\n`;
  const twice = parseConfig(text('lan'), { cluster_interfaces: [entry] });
  assert.ok(!twice.ok);
  assert.equal(
    formatProblems('f', twice.problems),
    'the region\'s store: cluster_interfaces.lab.network: 10.20.0.0/24 overlaps 10.20.0.0/24 of "lan" (cluster_interfaces[0]); name it lab in the file, too, or run `rackboot config unset cluster_interfaces.lab`',
  );
  assert.ok(parseConfig(text('lab'), { cluster_interfaces: [entry] }).ok, 'the remedy');
  const stored = parseConfig('', { cluster_interfaces: [{ ...entry, name: 'lan' }, entry] });
  assert.ok(!stored.ok);
  assert.match(
    formatProblems('f', stored.problems),
    /of "lan" \(cluster_interfaces\.lan\); addresses would belong to both/,
  );
});

test('each value has its owner', () => {
  const text = `name: a\ncluster_interfaces:\n  - name: lab\n    interface: eth1\n    ip: 10.20.0.1\n    network: 10.20.0.0/24\n    management: 0\n`;
  const parsed = parseConfig(text, { cluster_interfaces: [FAR], boot: { kernel_params: 'quiet' } });
  assert.ok(parsed.ok);
  assert.deepEqual(findValueOwner(parsed, 'name'), { kind: 'file', line: 1 });
  assert.deepEqual(findValueOwner(parsed, 'cluster_interfaces.lab.ip'), { kind: 'file', line: 5 });
  assert.deepEqual(findValueOwner(parsed, 'cluster_interfaces.lab.hosts'), { kind: 'default' });
  assert.deepEqual(findValueOwner(parsed, 'cluster_interfaces.far.ip'), { kind: 'store' });
  assert.deepEqual(findValueOwner(parsed, 'cluster_interfaces.far.hosts'), { kind: 'default' });
  assert.deepEqual(findValueOwner(parsed, 'boot.kernel_params'), { kind: 'store' });
  assert.deepEqual(findValueOwner(parsed, 'log.level'), { kind: 'default' });
});

const scalar: fc.Arbitrary<SettingValue> = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const entry = fc.record({ name: fc.constantFrom('lab', 'far', ' lab ', 'eth0.1'), ip: scalar, management: scalar });
const leaf = fc.tuple(fc.constantFrom(...STORE_KEYS, 'tftp.listen', 'dns', 'name', 'boot'), scalar);
const settings: fc.Arbitrary<Settings> = fc
  .tuple(fc.array(leaf, { maxLength: 6 }), fc.option(fc.array(entry, { maxLength: 4 })))
  .map(([leaves, interfaces]) => {
    let made: Settings = {};
    for (const [key, value] of leaves) made = withValue(made, key, value);
    return interfaces === null ? made : { ...made, [INTERFACES_KEY]: interfaces };
  });

test('whatever the store has, every value of the file stays unchanged', () => {
  fc.assert(
    fc.property(settings, settings, (file, stored) => {
      const before = JSON.stringify([file, stored]);
      const { merged, storeKeys } = mergeSettings(file, stored);
      assert.equal(JSON.stringify([file, stored]), before, 'nothing is changed in place');
      for (const key of [...STORE_KEYS, 'tftp.listen', 'name']) {
        if (key === INTERFACES_KEY || !isWritten(file, key)) continue;
        assert.deepEqual(valueAt(merged, key), valueAt(file, key), key);
        assert.ok(!storeKeys.has(key));
      }
      const own = listInterfaces(file);
      assert.deepEqual(listInterfaces(merged).slice(0, own.length), own);
      const names = new Set(own.map(interfaceName));
      for (const added of listInterfaces(merged).slice(own.length)) assert.ok(!names.has(interfaceName(added)));
    }),
    { numRuns: 1000 },
  );
});
