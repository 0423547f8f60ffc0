// The addresses of a rack's host in its description.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeHost } from '../../../src/daemon/rack/description.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import type { HostInterface } from '../../../src/net/host-interface.ts';
import { HOST_ADDRESSES_MAX } from '../../../src/region/records/heartbeat-bounds.ts';

const nic = (name: string, ...addresses: readonly (readonly [address: number, prefix: number])[]): HostInterface => ({
  name,
  index: 1,
  mac: undefined,
  up: true,
  carrier: true,
  addresses: addresses.map(([address, prefix]) => ({ address: ipv4(address), prefix })),
});

test('a rack reports each address of its host with the network interface and the prefix, and no loopback address', () => {
  const host = [nic('lo', [0x7f000001, 8]), nic('eth0', [0xc0000205, 24], [0x0a140001, 16]), nic('eth1')];
  assert.deepEqual(describeHost(host), [
    { interface: 'eth0', address: '192.0.2.5/24' },
    { interface: 'eth0', address: '10.20.0.1/16' },
  ]);
  assert.deepEqual(describeHost([]), []);
});

test('a rack reports the hardware address of an interface that has one', () => {
  const host = [
    { ...nic('eth0', [0xc0000205, 24]), mac: mac(0x525400000001) },
    { ...nic('tun0', [0x0a140001, 16]), mac: mac(0) },
  ];
  assert.deepEqual(describeHost(host), [
    { interface: 'eth0', address: '192.0.2.5/24', mac: '52:54:00:00:00:01' },
    { interface: 'tun0', address: '10.20.0.1/16' },
  ]);
});

test('a rack reports which of its interfaces lead to a default router, and the router if it is in the network of the address', () => {
  const outward = { router: ipv4(0xc0000201) };
  const host = [{ ...nic('eth0', [0xc0000205, 24], [0xc6336405, 24]), outward }, nic('eth1', [0x0a140001, 16])];
  assert.deepEqual(describeHost(host), [
    { interface: 'eth0', address: '192.0.2.5/24', isOutward: true, router: '192.0.2.1' },
    { interface: 'eth0', address: '198.51.100.5/24', isOutward: true },
    { interface: 'eth1', address: '10.20.0.1/16' },
  ]);
});

test('a rack leaves out addresses beyond HOST_ADDRESSES_MAX', () => {
  const many = Array.from({ length: HOST_ADDRESSES_MAX + 1 }, (_, index) => [0x0a000000 + index, 8] as const);
  assert.equal(describeHost([nic('eth0', ...many)]).length, HOST_ADDRESSES_MAX);
});
