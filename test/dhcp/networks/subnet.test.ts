// A client's network: which part of a message decides, which networks form a shared network, what is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import {
  type Arrival,
  chooseSharedNetwork,
  findServedSubnet,
  indexSubnets,
  type LocalInterface,
  namedNetwork,
} from '../../../src/dhcp/networks/subnet.ts';
import { addressBytes } from '../../../src/dhcp/wire/options.ts';
import type { RelayInformation } from '../../../src/dhcp/wire/relay-agent.ts';
import { ANY, formatIpv4, parseNetwork } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, clientMessage, config, ON_WIRE, subnet, TO_RACK } from '../lab.ts';

const relayTo = (linkSelection: string): RelayInformation => ({
  circuitId: undefined,
  remoteId: undefined,
  linkSelection: ip(linkSelection),
  serverIdentifierOverride: undefined,
});
const SELECTED: ClientWords['options'] = [[118, addressBytes(ip('10.40.0.0'))]];

const NAMED: readonly (readonly [
  name: string,
  words: ClientWords,
  relay: RelayInformation | undefined,
  arrival: Arrival,
  named: string | undefined,
])[] = [
  ['nothing: the arrival decides', {}, undefined, ON_WIRE, undefined],
  ['an address of a client on the wire does not count', { ciaddr: ip('10.50.0.7') }, undefined, ON_WIRE, undefined],
  [
    'an address of a client that asks the rack itself does',
    { ciaddr: ip('10.50.0.7') },
    undefined,
    TO_RACK,
    '10.50.0.7',
  ],
  ['the relay comes before it', { ciaddr: ip('10.50.0.7'), giaddr: ip('10.30.0.1') }, undefined, TO_RACK, '10.30.0.1'],
  [
    'subnet selection comes before that',
    { giaddr: ip('10.30.0.1'), options: SELECTED },
    undefined,
    TO_RACK,
    '10.40.0.0',
  ],
  [
    'link selection comes before all',
    { giaddr: ip('10.30.0.1'), options: SELECTED },
    relayTo('10.60.0.9'),
    TO_RACK,
    '10.60.0.9',
  ],
  [
    'a selection of three bytes is invalid',
    { options: [[118, Uint8Array.of(10, 40, 0)]] },
    undefined,
    ON_WIRE,
    undefined,
  ],
];

for (const [name, words, relay, arrival, named] of NAMED) {
  test(`the network that a message names: ${name}`, () => {
    const found = namedNetwork(clientMessage(words), relay, arrival);
    assert.equal(found === undefined ? undefined : formatIpv4(found), named);
  });
}

/** A network 10.N.0.0/24; with an interface its rack's address is 10.N.0.1. */
const net = (number: number, changes: Partial<DhcpSubnet> = {}): DhcpSubnet =>
  subnet({
    name: `n${number}`,
    network: parseNetwork(`10.${number}.0.0/24`) ?? assert.fail(),
    interfaceName: undefined,
    serverAddress: changes.interfaceName === undefined ? undefined : ip(`10.${number}.0.1`),
    ...changes,
  });
const ALONE = [
  net(20, { interfaceName: 'eth1' }),
  net(21, { interfaceName: 'eth1' }),
  net(22, { interfaceName: 'eth2' }),
  net(30),
];
const SHARED = [
  net(20, { interfaceName: 'eth1', shared: 'hall' }),
  net(21, { interfaceName: 'eth1', shared: 'hall' }),
  net(22, { interfaceName: 'eth2' }),
  net(30, { shared: 'hall' }),
  net(31, { shared: 'far' }),
  net(32, { shared: 'far' }),
  net(33),
];
const on = (interfaceName: string): Arrival => ({ interfaceName, localAddress: ANY });
const at = (address: string): Arrival => ({ interfaceName: undefined, localAddress: ip(address) });

const LINKS: readonly (readonly [
  name: string,
  subnets: readonly DhcpSubnet[],
  words: ClientWords,
  arrival: Arrival,
  sharedNetwork: string,
])[] = [
  ['the subnets of one interface are one shared network', ALONE, {}, on('eth1'), 'n20 n21'],
  ['another interface is another', ALONE, {}, on('eth2'), 'n22'],
  ['an interface without a network is refused', ALONE, {}, on('eth9'), 'interface-unserved'],
  ['a relay names one network', ALONE, { giaddr: ip('10.21.0.9') }, at('10.20.0.1'), 'n21'],
  ['and none that is not served', ALONE, { giaddr: ip('10.99.0.9') }, at('10.20.0.1'), 'network-unknown'],
  ['an address of the rack is its network', ALONE, {}, at('10.22.0.1'), 'n22'],
  ['and no other', ALONE, {}, at('10.30.0.1'), 'network-unknown'],
  ['only relays reach a network without an interface', ALONE, { giaddr: ip('10.30.0.1') }, at('10.20.0.1'), 'n30'],
  [
    'the networks of one name are one shared network, the named one first',
    SHARED,
    { giaddr: ip('10.32.0.1') },
    at('10.20.0.1'),
    'n32 n31',
  ],
  ['whichever is named', SHARED, { giaddr: ip('10.31.0.1') }, at('10.20.0.1'), 'n31 n32'],
  [
    'a relay of a served shared network belongs to that network',
    SHARED,
    { giaddr: ip('10.30.0.1') },
    at('10.22.0.1'),
    'n30 n20 n21',
  ],
  ['so does a client that comes directly', SHARED, {}, on('eth1'), 'n20 n21 n30'],
  ['and one that renews at the rack’s address', SHARED, { ciaddr: ip('10.21.0.7') }, at('10.20.0.1'), 'n21 n20 n30'],
  ['and one that comes to an address and names nothing', SHARED, {}, at('10.20.0.1'), 'n20 n21 n30'],
  ['a network that shares nothing is alone', SHARED, { giaddr: ip('10.33.0.1') }, at('10.20.0.1'), 'n33'],
  ['also on an interface', SHARED, {}, on('eth2'), 'n22'],
];

for (const [name, subnets, words, arrival, expected] of LINKS) {
  test(`shared networks: ${name}`, () => {
    const choice = chooseSharedNetwork(
      clientMessage(words),
      undefined,
      arrival,
      indexSubnets(config(...subnets), undefined),
    );
    const found =
      choice.kind === 'shared-network' ? choice.sharedNetwork.map((one) => one.subnet.name).join(' ') : choice.reason;
    assert.equal(found, expected);
  });
}

const linkState = (name: string, ...addresses: readonly string[]): LocalInterface => ({
  name,
  addresses: addresses.map((address) => ({ address: ip(address) })),
});
const READY: readonly (readonly [
  name: string,
  links: readonly LocalInterface[] | undefined,
  served: string,
  withoutAddress: string,
])[] = [
  ['everything, while the host is unknown', undefined, 'n20 n21 n22 n30', ''],
  ['a network whose address is on its interface', [linkState('eth1', '10.20.0.1')], 'n20 n30', 'eth2'],
  ['not one whose address is on another', [linkState('eth1', '10.22.0.1')], 'n30', 'eth1 eth2'],
  [
    'all of an interface that has all addresses',
    [linkState('eth1', '10.21.0.1', '10.20.0.1'), linkState('eth2')],
    'n20 n21 n30',
    'eth2',
  ],
  ['those behind relays, whatever addresses the host has', [], 'n30', 'eth1 eth2'],
];

for (const [name, links, served, withoutAddress] of READY) {
  test(`served is ${name}`, () => {
    const index = indexSubnets(config(...ALONE), links);
    assert.equal(index.served.map((one) => one.subnet.name).join(' '), served);
    assert.deepEqual([...index.withoutAddress].sort().join(' '), withoutAddress);
  });
}

test('an interface without a served network is distinguished from an unconfigured one', () => {
  const index = indexSubnets(config(...ALONE), [linkState('eth1')]);
  const reason = (arrival: Arrival) => {
    const choice = chooseSharedNetwork(clientMessage({}), undefined, arrival, index);
    return choice.kind === 'refused' ? choice.reason : 'served';
  };
  assert.deepEqual([reason(on('eth1')), reason(on('eth7'))], ['interface-without-address', 'interface-unserved']);
});

test('a network of a shared network whose interface has no address does not take part', () => {
  const index = indexSubnets(config(...SHARED), [linkState('eth1', '10.21.0.1')]);
  const choice = chooseSharedNetwork(clientMessage({ giaddr: ip('10.30.0.1') }), undefined, TO_RACK, index);
  assert.deepEqual(choice.kind === 'shared-network' && choice.sharedNetwork.map((one) => one.subnet.name), [
    'n30',
    'n21',
  ]);
});

test('no client gets the rack’s addresses, the routers’, or the first and last of the network', () => {
  const [served] = indexSubnets(config(subnet({ broadcast: ip('10.20.0.127') })), [
    linkState('eth1', '10.20.0.1'),
    { ...linkState('eth5', '10.20.0.77'), outward: { router: ip('10.20.0.150') } },
  ]).served;
  assert.deepEqual([...(served?.excluded ?? [])].sort((a, b) => a - b).map(formatIpv4), [
    '10.20.0.0',
    '10.20.0.1',
    '10.20.0.77',
    '10.20.0.127',
    '10.20.0.150',
    '10.20.0.254',
    '10.20.0.255',
  ]);
});

test('the network of a shared network that holds an address is found, and none where none does', () => {
  const { served } = indexSubnets(config(...ALONE), undefined);
  const named = (address: string) => findServedSubnet(served, ip(address))?.subnet.name;
  assert.deepEqual([named('10.21.0.9'), named('10.30.0.255'), named('10.31.0.0')], ['n21', 'n30', undefined]);
  assert.equal(findServedSubnet([], RACK), undefined);
});
