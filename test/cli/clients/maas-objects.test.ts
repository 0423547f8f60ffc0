// What `rackboot import-maas` makes of the objects of a MAAS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatObjectTitle,
  interfaceParameters,
  isDeployedHere,
  listMacs,
  listUnusableKeys,
  machineParameters,
  parametersFrom,
  pathFor,
  powerHosts,
  unknownPowerNames,
  valueAt,
} from '../../../src/cli/clients/maas-objects.ts';
import { STATUSES } from '../../../src/region/records/lifecycle.ts';

const VALUES: readonly (readonly [object: unknown, path: string, value: unknown])[] = [
  [{ vlan: { vid: 0 } }, 'vlan.vid', 0],
  [{ vlan: null }, 'vlan.vid', undefined],
  [{ ip_addresses: [{ ip: 'a' }, { ip: 'b' }] }, 'ip_addresses.ip', ['a', 'b']],
  [{}, 'constructor.name', undefined],
  [{}, '__proto__', undefined],
  ['text', 'length', undefined],
  [undefined, 'name', undefined],
];
for (const [object, path, value] of VALUES)
  test(`${path} of ${JSON.stringify(object)} is ${JSON.stringify(value)}`, () => {
    assert.deepEqual(valueAt(object, path), value);
  });

test('only texts, numbers and flags become parameters, and lists of them where one is expected', () => {
  const one = { a: '', b: 0, c: false, d: null, e: { f: 1 }, g: ['x', { y: 1 }, 2], h: [], i: [{ j: 'x' }] };
  const from = Object.fromEntries(Object.keys(one).map((name) => [name, name]));
  assert.deepEqual(parametersFrom(one, { ...from, j: 'i.j' }), { b: '0', c: 'false' });
  const lists = { b: 'b[]', d: 'd[]', g: 'g[]', h: 'h[]', j: 'i.j[]' };
  assert.deepEqual(parametersFrom(one, lists), { b: ['0'], g: ['x', '2'], j: ['x'] });
});

test('an object is told from others by texts, and shown by what it has', () => {
  const one = { name: ['sub.maas'], vid: 0, fabric: {} };
  assert.deepEqual(listUnusableKeys(one, ['name', 'vid', 'fabric', 'none']), ['name', 'fabric', 'none']);
  assert.equal(formatObjectTitle(one, ['name', 'vid', 'fabric']), 'sub.maas 0');
});

test('a name of the source stays within its segment of a path', () => {
  assert.equal(pathFor({ fabric: '../../users/?x' }, 'fabrics/name:{fabric}/'), 'fabrics/name:..%2F..%2Fusers%2F%3Fx/');
});

/** A machine in one of these states has no system that must be kept. */
const WITHOUT_SYSTEM = [
  'New',
  'Commissioning',
  'Failed commissioning',
  'Missing',
  'Ready',
  'Reserved',
  'Retired',
  'Broken',
  'Allocated',
  'Testing',
  'Failed testing',
];
for (const { name } of [...STATUSES, { name: 'A state of a later MAAS' }])
  test(`a machine that is ${name} ${WITHOUT_SYSTEM.includes(name) ? 'is not' : 'is'} added as Deployed`, () => {
    const isDeployed = !WITHOUT_SYSTEM.includes(name);
    const machine = { status_name: name, interface_set: [] };
    assert.equal(isDeployedHere(machine), isDeployed);
    assert.equal(machineParameters(machine, {}).deployed, isDeployed ? 'true' : undefined);
    for (const sign of [{ netboot: false }, { netboot: true, osystem: 'ubuntu' }])
      assert.ok(isDeployedHere({ ...machine, ...sign }), 'it has a system');
    assert.equal(isDeployedHere({ ...machine, netboot: true, osystem: '' }), isDeployed);
  });

test('the parameters of a driver are flat texts', () => {
  const odd = { nested: { a: 1 }, none: null, k_g: '' };
  const power = { power_pass: 's', power_verify_ssl: true, workaround_flags: ['a', 'b'], power_port: 623, ...odd };
  const known = { power_pass: 's', power_verify_ssl: true, workaround_flags: 'a b' };
  assert.deepEqual(JSON.parse(String(machineParameters({}, power).power_parameters)), known);
  assert.deepEqual(unknownPowerNames(power), ['power_port']);
  for (const wrong of [undefined, null, 'x', ['x']])
    assert.equal(machineParameters({}, wrong).power_parameters, '{}', JSON.stringify(wrong));
});

test('the boot interface comes first, and interfaces made of others have no address of their own', () => {
  const nic = (type: string, mac: string) => ({ type, mac_address: mac });
  const machine = {
    boot_interface: { mac_address: 'b' },
    interface_set: [nic('physical', 'a'), nic('bond', 'a'), nic('physical', 'b')],
  };
  assert.deepEqual(listMacs(machine), ['b', 'a']);
});

test('a VLAN interface is named by the region, a bond has its settings', () => {
  const one = { name: 'n', mac_address: 'm', effective_mtu: 1500, params: { bond_mode: '802.3ad', bond_miimon: 100 } };
  assert.deepEqual(interfaceParameters({ ...one, type: 'vlan' }), { mtu: '1500' });
  assert.deepEqual(interfaceParameters({ ...one, type: 'bond' }), {
    name: 'n',
    mac_address: 'm',
    mtu: '1500',
    bond_mode: '802.3ad',
    bond_miimon: '100',
  });
});

const PLACES: readonly (readonly [parameters: Readonly<Record<string, string>>, hosts: readonly string[]])[] = [
  [{ power_address: '172.31.0.9', power_user: 'x', power_pass: 'secret' }, ['172.31.0.9']],
  [{ power_address: 'qemu+ssh://virt:secret@172.31.0.8/system', power_id: 'web1' }, ['172.31.0.8']],
  [{ power_address: 'virt:secret@bmc' }, ['bmc']],
  [{ power_address: 'qemu:///system' }, ['qemu:///system']],
  [{ power_on_uri: 'https://hook:7099/secret', power_off_uri: 'https://hook:7099/?secret' }, ['hook:7099']],
  [{ power_id: 'web1' }, []],
];
for (const [parameters, hosts] of PLACES)
  test(`${JSON.stringify(parameters)} switches by ${hosts.join(', ') || 'no host'}`, () => {
    assert.deepEqual(powerHosts(parameters), hosts);
  });
