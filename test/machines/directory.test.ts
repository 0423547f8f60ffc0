// Look-ups of the directory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { DEVICE_STATE, type RackMachine } from '../../src/machines/machine.ts';
import { rackMachine } from '../support/lab-facts.ts';

function machine(number: number, changes: Partial<RackMachine> = {}): RackMachine {
  return rackMachine({
    systemId: `id${number}`,
    hostname: `node-${number}`,
    purpose: 'local',
    macs: [mac(number * 10), mac(number * 10 + 1)],
    addresses: [{ mac: mac(number * 10), address: ipv4(number) }],
    ...changes,
  });
}

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const first = machine(1, { uuid: UUID });
const second = machine(2);
const directory = new MachineDirectory([first, second]);

test('a machine is found by each of its interfaces', () => {
  assert.equal(directory.findByMac(mac(10)), first);
  assert.equal(directory.findByMac(mac(11)), first);
  assert.equal(directory.findByMac(mac(21)), second);
  assert.equal(directory.findByMac(mac(12)), undefined);
});

test('devices are not counted as machines', () => {
  const devices = [machine(3, { statusName: DEVICE_STATE }), machine(4, { statusName: DEVICE_STATE })];
  const { all, machineCount } = new MachineDirectory([first, ...devices, second]);
  assert.deepEqual([all.length, machineCount], [4, 2]);
});

test('a machine is found by UUID, address and name', () => {
  assert.equal(directory.findByUuid(UUID), first);
  assert.equal(directory.findByUuid(UUID.toUpperCase()), undefined);
  assert.equal(directory.findByAddress(ipv4(2)), second);
  assert.equal(directory.findByAddress(ipv4(3)), undefined);
  assert.equal(directory.findByHostname('node-1'), first);
  assert.equal(directory.findByHostname('node-3'), undefined);
});

test('an empty directory finds nothing', () => {
  const empty = new MachineDirectory([]);
  assert.equal(empty.findByMac(mac(10)), undefined);
  assert.deepEqual(empty.all, []);
});

test('a UUID shared by several machines finds none of them, however many they are', () => {
  for (const count of [2, 3]) {
    const alike = Array.from({ length: count }, (_, index) => machine(index + 1, { uuid: UUID }));
    assert.equal(new MachineDirectory(alike).findByUuid(UUID), undefined);
  }
});
