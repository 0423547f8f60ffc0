// The files of a laid-out network, read by systemd-networkd itself: a bridge gets its address and is made of its part, which is disconnected; static routes.
// test/long/laid-links.test.ts has the interfaces that fewer kernels have.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { disconnected, lacksNetworkd, machineWith, made, setUp } from '../support/networkd-set-up.ts';

test('networkd sets up a bridge of a disconnected part, which has no address, and a second interface in another subnet with its static route', {
  skip: lacksNetworkd(),
}, () => {
  const params = { bridge_type: 'standard', bridge_stp: false, bridge_fd: 2 };
  const said = setUp(
    machineWith(
      [disconnected(1), made('bridge', 'br0', [1], { params })],
      [
        { id: 1, interfaceId: 9, mode: 'auto', subnetId: 1 },
        { id: 2, interfaceId: 2, mode: 'static', subnetId: 2, address: ipv4(0x0a1e0009) },
      ],
    ),
    'br0',
    'nic2',
  );
  assert.match(said, /br0\s+inet 10\.20\.0\.20\/24/);
  assert.match(said, /nic2\s+inet 10\.30\.0\.9\/24/);
  assert.doesNotMatch(said, /nic1\s+inet /);
  assert.match(said, /default via 10\.20\.0\.1 dev br0/);
  assert.match(said, /nic1@\S+:.* master br0 /);
  assert.match(said, /^10\.99\.0\.0\/16 via 10\.30\.0\.7 dev nic2 proto static metric 7 *$/m);
});

test('networkd adds a static route to an interface that has another address, and waits for its lease', {
  skip: lacksNetworkd(),
}, () => {
  const links = [
    { id: 1, interfaceId: 1, mode: 'auto', subnetId: 1 },
    { id: 2, interfaceId: 2, mode: 'dhcp', subnetId: 2 },
    { id: 3, interfaceId: 2, mode: 'static', subnetId: 3, address: ipv4(0x0a280009) },
  ] as const;
  const said = setUp(machineWith([], [...links], 1), 'nic1', 'nic2');
  assert.match(said, /nic1\s+inet 10\.20\.0\.20\/24/);
  assert.match(said, /^10\.99\.0\.0\/16 via 10\.30\.0\.7 dev nic2 proto static metric 7 onlink *$/m);
});
