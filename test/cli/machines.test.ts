// The addresses that `rackboot machines` shows: those a machine was given, and those it holds now.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentAddresses, row } from '../../src/cli/machines.ts';
import { machineShape } from '../../src/cli/shapes.ts';

const MACHINE = machineShape.parse({
  ...{ system_id: 'abcdef', hostname: 'calm-ibis', fqdn: 'calm-ibis.maas', status_name: 'Ready', architecture: null },
  ...{ cpu_count: 1, memory: 1, interface_set: [], physicalblockdevice_set: [], hardware_info: null },
  ip_addresses: ['10.20.0.10', '10.20.0.100'],
  allocated_ip_addresses: ['10.20.0.10'],
});

test('an address whose lease has ended is not shown, one that the machine was given is', () => {
  const ended = new Set(['10.20.0.10', '10.20.0.100']);
  assert.deepEqual(currentAddresses(MACHINE, ended), ['10.20.0.10']);
  assert.deepEqual(currentAddresses(MACHINE, new Set()), ['10.20.0.10', '10.20.0.100']);
});

test('of an older region, which does not say what it gave, everything is shown', () => {
  const older = { ...MACHINE, allocated_ip_addresses: undefined };
  assert.deepEqual(currentAddresses(older, new Set(['10.20.0.100'])), ['10.20.0.10', '10.20.0.100']);
});

test('a machine that waits for a person to switch it on is listed so', () => {
  const cell = (message: string) => row(machineShape.parse({ ...MACHINE, status_message: message }), new Set())[2];
  assert.equal(cell('waiting to be switched on'), 'Ready, waiting to be switched on');
  assert.equal(cell('it has started'), 'Ready');
});
