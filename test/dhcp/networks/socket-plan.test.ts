// The sockets a configuration needs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { planSockets } from '../../../src/dhcp/networks/socket-plan.ts';
import type { LocalInterface } from '../../../src/dhcp/networks/subnet.ts';
import { ANY, formatIpv4 } from '../../../src/ground/address.ts';
import { ip } from '../../support/lab-facts.ts';
import { config, relayedSubnet, subnet } from '../lab.ts';

const on = (interfaceName: string, address: string, changes: Partial<DhcpSubnet> = {}): DhcpSubnet =>
  subnet({ name: `${interfaceName}-${address}`, interfaceName, serverAddress: ip(address), ...changes });
const link = (name: string): LocalInterface => ({ name, addresses: [] });

const PLANS: readonly (readonly [
  name: string,
  subnets: readonly DhcpSubnet[],
  links: readonly LocalInterface[] | undefined,
  sockets: readonly string[],
])[] = [
  ['no network needs no socket', [], undefined, []],
  [
    'a network has one for its device and one for the rack’s address',
    [on('eth1', '10.20.0.1')],
    undefined,
    ['eth1:67', '10.20.0.1:67'],
  ],
  [
    'devices come first, whatever the order',
    [on('eth1', '10.20.0.1'), on('eth2', '10.21.0.1')],
    undefined,
    ['eth1:67', 'eth2:67', '10.20.0.1:67', '10.21.0.1:67'],
  ],
  [
    'networks of one interface share that of the device',
    [on('eth1', '10.20.0.1'), on('eth1', '10.21.0.1')],
    undefined,
    ['eth1:67', '10.20.0.1:67', '10.21.0.1:67'],
  ],
  [
    'a network behind relays has none',
    [on('eth1', '10.20.0.1'), relayedSubnet()],
    undefined,
    ['eth1:67', '10.20.0.1:67'],
  ],
  [
    'a missing interface has none, but its address has',
    [on('eth1', '10.20.0.1'), on('eth2', '10.21.0.1')],
    [link('eth2')],
    ['eth2:67', '10.20.0.1:67', '10.21.0.1:67'],
  ],
  [
    'a network in proxy mode has both again at the boot server port',
    [on('eth1', '10.20.0.1', { proxy: true }), on('eth2', '10.21.0.1')],
    undefined,
    ['eth1:67', 'eth2:67', '10.20.0.1:67', '10.21.0.1:67', 'eth1:4011 boot server', '10.20.0.1:4011 boot server'],
  ],
  [
    'one behind relays has them at every address to which a relay may lead',
    [on('eth1', '10.20.0.1'), { ...relayedSubnet(), proxy: true }],
    undefined,
    ['eth1:67', '10.20.0.1:67', '10.20.0.1:4011 boot server'],
  ],
];

for (const [name, subnets, links, sockets] of PLANS) {
  test(`${name}`, () => {
    const planned = planSockets({ ...config(...subnets), subnets }, links);
    assert.deepEqual(
      planned.map((one) => `${one.name}:${one.port}${one.bootServer ? ' boot server' : ''}`),
      sockets,
    );
    for (const one of planned) {
      const isDevice = one.interfaceName !== undefined;
      assert.equal(one.address === ANY, isDevice);
      assert.equal(one.name, isDevice ? one.interfaceName : formatIpv4(one.address));
    }
    assert.equal(new Set(planned.map(({ key }) => key)).size, planned.length, 'each has a name of its own');
  });
}

/** Which changes of a configuration mean another socket, and which do not. */
const CHANGES: readonly (readonly [
  name: string,
  changed: Parameters<typeof planSockets>[0],
  isSame: readonly boolean[],
])[] = [
  ['another range', config(on('eth1', '10.20.0.1', { dynamic: undefined })), [true, true]],
  ['another address of the rack, from which a device socket sends', config(on('eth1', '10.20.0.2')), [false, false]],
  ['another interface', config(on('eth2', '10.20.0.1')), [false, true]],
  ['another port', { ...config(on('eth1', '10.20.0.1')), serverPort: 1067 }, [false, false]],
];

for (const [name, changed, isSame] of CHANGES) {
  test(`${name} means ${isSame.every(Boolean) ? 'the same sockets' : 'other sockets'}`, () => {
    const before = planSockets(config(on('eth1', '10.20.0.1')), undefined);
    const after = new Set(planSockets(changed, undefined).map(({ key }) => key));
    assert.deepEqual(
      before.map(({ key }) => after.has(key)),
      isSame,
    );
  });
}

test('the boot server port is the configured one', () => {
  const proxied = config(on('eth1', '10.20.0.1', { proxy: true }));
  const ports = planSockets({ ...proxied, proxyPort: 14_011 }, undefined).map(({ port }) => port);
  assert.deepEqual(ports, [67, 67, 14_011, 14_011]);
});
