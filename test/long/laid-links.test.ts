// The files of a laid-out network, read by systemd-networkd itself, with interfaces that not every kernel has: a VLAN interface and a bond get
// their addresses and are made of their parts, of which one is disconnected.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { disconnected, kernelLacks, machineWith, made, setUp, TAGGED } from '../support/networkd-set-up.ts';

test('networkd sets up a VLAN interface on a disconnected one', { skip: kernelLacks('vlan') }, () => {
  const said = setUp(
    machineWith(
      [disconnected(2), made('vlan', 'nic2.100', [2], { vlanId: TAGGED.vlan.id })],
      [
        { id: 1, interfaceId: 1, mode: 'auto', subnetId: 1 },
        { id: 3, interfaceId: 9, mode: 'static', subnetId: 3, address: ipv4(0x0a280009) },
      ],
    ),
    'nic1',
    'nic2.100',
  );
  assert.match(said, /default via 10\.20\.0\.1 dev nic1/);
  assert.match(said, /nic2\.100\s+inet 10\.40\.0\.9\/24/);
  assert.doesNotMatch(said, /nic2\s+inet /);
  assert.match(said, /nic2\.100@nic2:.* vlan protocol 802\.1Q id 100 /);
});

test('networkd sets up a bond with a disconnected part', { skip: kernelLacks('bond') }, () => {
  const params = { bond_mode: 'active-backup', bond_miimon: 100 };
  const said = setUp(
    machineWith(
      [disconnected(2), made('bond', 'bond0', [1, 2], { params })],
      [{ id: 1, interfaceId: 9, mode: 'auto', subnetId: 1 }],
    ),
    'bond0',
  );
  assert.match(said, /bond0\s+inet 10\.20\.0\.20\/24/);
  assert.match(said, /default via 10\.20\.0\.1 dev bond0/);
  assert.match(said, /bond0:.* bond mode active-backup .*miimon 100 /);
  for (const part of ['nic1', 'nic2']) assert.match(said, new RegExp(`${part}@\\S+:.* master bond0 `));
});
