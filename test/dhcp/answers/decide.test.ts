// Decisions, by section of RFC 2131, for one client at a time and a given state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { DhcpDecision } from '../../../src/dhcp/answers/decision.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { DhcpConfig } from '../../../src/dhcp/networks/config.ts';
import type { Arrival } from '../../../src/dhcp/networks/subnet.ts';
import { OPTION, optionAddress, optionU8 } from '../../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, type MacAddress } from '../../../src/ground/address.ts';
import { later } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import {
  aloneIn,
  type ClientWords,
  clientMessage,
  config,
  type LabState,
  labState,
  leaseAt,
  MAC_A,
  MAC_B,
  machine,
  NOW,
  ON_WIRE,
  relayedSubnet,
  subnet,
  TO_RACK,
} from '../lab.ts';

interface Given {
  readonly config?: DhcpConfig;
  readonly machines?: readonly RackMachine[];
  readonly leases?: readonly Lease[];
  readonly offers?: readonly (readonly [string, MacAddress])[];
}

function given({ config: dhcpConfig, machines, leases, offers }: Given): LabState {
  const state = labState(dhcpConfig, machines);
  state.leases.load(leases ?? [], NOW);
  for (const [address, mac] of offers ?? []) state.offers.hold(ip(address), mac, aloneIn(state.subnets), NOW);
  return state;
}

const TYPES = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'];

/** A decision in a line: `ack 10.20.0.100`, `nak address-leased`, `silence no-record`, `record released 10.20.0.100`. */
function inShort(decision: DhcpDecision): string {
  switch (decision.kind) {
    case 'ignore':
    case 'pass':
      return `silence ${decision.reason}`;
    case 'record':
      return `record ${decision.records.map(({ state, address }) => `${state} ${formatIpv4(address)}`).join(', ')}`;
    case 'reply': {
      const type = TYPES[optionU8(decision.message.options, OPTION.messageType) ?? 0] ?? '?';
      const nak = type === 'nak';
      if (nak) assert.equal(decision.message.yiaddr, ANY, 'a NAK carries no address');
      return nak ? `nak ${decision.event.reason}` : `${type} ${formatIpv4(decision.message.yiaddr)}`;
    }
  }
}

type Case = readonly [name: string, given: Given, words: ClientWords, arrival: Arrival, expected: string];

function check(cases: readonly Case[]): void {
  for (const [name, before, words, arrival, expected] of cases) {
    assert.equal(inShort(decide(clientMessage(words), arrival, given(before), NOW)), expected, name);
  }
}

const fullRange = (mac: (index: number) => MacAddress, endsInS: number): readonly Lease[] =>
  Array.from({ length: 10 }, (_, index) => leaseAt(mac(index), `10.20.0.${100 + index}`, endsInS));
const stranger = (index: number): MacAddress => hw(`52:54:00:00:01:0${index}`);

test('RFC 2131 §4.3.1: the address offered to a DISCOVER', () => {
  const discover: ClientWords = { type: 'discover' };
  const reserved = config(subnet({ reservations: [{ mac: MAC_A, address: ip('10.20.0.20') }] }));
  check([
    ['its running lease', { leases: [leaseAt(MAC_A, '10.20.0.105', 60)] }, discover, ON_WIRE, 'offer 10.20.0.105'],
    ['its ended lease', { leases: [leaseAt(MAC_A, '10.20.0.105', -60)] }, discover, ON_WIRE, 'offer 10.20.0.105'],
    [
      'its released lease',
      { leases: [leaseAt(MAC_A, '10.20.0.105', 0, 'released')] },
      discover,
      ON_WIRE,
      'offer 10.20.0.105',
    ],
    [
      'its running lease before a later one that has ended, and before the address it asks for',
      { leases: [leaseAt(MAC_A, '10.20.0.106', 60), leaseAt(MAC_A, '10.20.0.105', 0, 'released')] },
      { ...discover, requested: ip('10.20.0.107') },
      ON_WIRE,
      'offer 10.20.0.106',
    ],
    [
      'its ended lease before the address it asks for',
      { leases: [leaseAt(MAC_A, '10.20.0.105', -60)] },
      { ...discover, requested: ip('10.20.0.107') },
      ON_WIRE,
      'offer 10.20.0.105',
    ],
    ['the address it asks for', {}, { ...discover, requested: ip('10.20.0.107') }, ON_WIRE, 'offer 10.20.0.107'],
    [
      'the machine’s address before everything',
      { config: reserved, machines: [machine(MAC_A, '10.20.0.30')], leases: [leaseAt(MAC_A, '10.20.0.105', 60)] },
      { ...discover, requested: ip('10.20.0.107') },
      ON_WIRE,
      'offer 10.20.0.30',
    ],
    [
      'the reserved address',
      { config: reserved, leases: [leaseAt(MAC_A, '10.20.0.105', 60)] },
      discover,
      ON_WIRE,
      'offer 10.20.0.20',
    ],
    [
      'its own lease while another client holds its fixed address',
      { config: reserved, leases: [leaseAt(MAC_B, '10.20.0.20', 60), leaseAt(MAC_A, '10.20.0.105', 60)] },
      discover,
      ON_WIRE,
      'offer 10.20.0.105',
    ],
    [
      'the longest ended address when all were used',
      { leases: [...fullRange(stranger, -60), leaseAt(stranger(4), '10.20.0.104', -900)] },
      discover,
      ON_WIRE,
      'offer 10.20.0.104',
    ],
    ['nothing when all are in use', { leases: fullRange(stranger, 60) }, discover, ON_WIRE, 'silence range-exhausted'],
    [
      'nothing without a dynamic range',
      { config: config(subnet({ dynamic: undefined })) },
      discover,
      ON_WIRE,
      'silence no-dynamic-range',
    ],
    [
      'not an address set aside, although its own record has ended',
      { leases: [...fullRange(stranger, 60), leaseAt(stranger(3), '10.20.0.103', 30, 'declined')] },
      discover,
      ON_WIRE,
      'silence range-exhausted',
    ],
    [
      'an address set aside long ago',
      { leases: [...fullRange(stranger, 60), leaseAt(stranger(3), '10.20.0.103', -1, 'declined')] },
      discover,
      ON_WIRE,
      'offer 10.20.0.103',
    ],
  ]);
});

test('an address of another client is not offered, however it is requested', () => {
  const others: readonly (readonly [string, Given, string])[] = [
    ['leased', { leases: [leaseAt(MAC_B, '10.20.0.107', 60)] }, '10.20.0.107'],
    ['offered', { offers: [['10.20.0.107', MAC_B]] }, '10.20.0.107'],
    ['a machine’s', { machines: [machine(MAC_B, '10.20.0.107')] }, '10.20.0.107'],
    [
      'reserved',
      { config: config(subnet({ reservations: [{ mac: MAC_B, address: ip('10.20.0.107') }] })) },
      '10.20.0.107',
    ],
    ['in the static range', {}, '10.20.0.50'],
    ['in no range', {}, '10.20.0.200'],
    [
      'the rack’s',
      { config: config(subnet({ dynamic: { low: ip('10.20.0.1'), high: ip('10.20.0.9') } })) },
      '10.20.0.1',
    ],
    [
      'the router’s',
      { config: config(subnet({ dynamic: { low: ip('10.20.0.200'), high: ip('10.20.0.255') } })) },
      '10.20.0.254',
    ],
    [
      'the broadcast address',
      { config: config(subnet({ dynamic: { low: ip('10.20.0.200'), high: ip('10.20.0.255') } })) },
      '10.20.0.255',
    ],
    [
      'the network',
      { config: config(subnet({ dynamic: { low: ip('10.20.0.0'), high: ip('10.20.0.9') } })) },
      '10.20.0.0',
    ],
    ['of another network', {}, '10.99.0.1'],
  ];
  for (const [name, before, address] of others) {
    const words: ClientWords = { type: 'discover', requested: ip(address) };
    const short = inShort(decide(clientMessage(words), ON_WIRE, given(before), NOW));
    assert.match(short, /^offer /, name);
    assert.notEqual(short, `offer ${address}`, name);
  }
});

test('RFC 2131 §4.3.2, SELECTING: the offered address, or NAK', () => {
  const request = (address: string): ClientWords => ({ type: 'request', requested: ip(address), server: RACK });
  check([
    ['an offer', { offers: [['10.20.0.100', MAC_A]] }, request('10.20.0.100'), ON_WIRE, 'ack 10.20.0.100'],
    ['an offer from before a restart', {}, request('10.20.0.100'), ON_WIRE, 'ack 10.20.0.100'],
    [
      'its fixed address',
      { machines: [machine(MAC_A, '10.20.0.30')] },
      request('10.20.0.30'),
      ON_WIRE,
      'ack 10.20.0.30',
    ],
    [
      'an offer made before it got a fixed address',
      { machines: [machine(MAC_A, '10.20.0.30')] },
      request('10.20.0.100'),
      ON_WIRE,
      'ack 10.20.0.100',
    ],
    [
      'an address leased to another',
      { leases: [leaseAt(MAC_B, '10.20.0.100', 60)] },
      request('10.20.0.100'),
      ON_WIRE,
      'nak address-leased',
    ],
    [
      'an address offered to another',
      { offers: [['10.20.0.100', MAC_B]] },
      request('10.20.0.100'),
      ON_WIRE,
      'nak address-offered',
    ],
    ['an address of another network', {}, request('10.99.0.100'), ON_WIRE, 'nak wrong-network'],
    [
      'another server’s offer',
      {},
      { ...request('10.20.0.200'), server: ip('10.20.0.66') },
      ON_WIRE,
      'silence other-server-chosen',
    ],
    ['no address', {}, { type: 'request', server: RACK }, ON_WIRE, 'silence address-not-named'],
  ]);
});

test('RFC 2131 §4.3.2, INIT-REBOOT: the former address, NAK if it is wrong, silence without a record', () => {
  const request = (address: string): ClientWords => ({ type: 'request', requested: ip(address) });
  const mine = leaseAt(MAC_A, '10.20.0.105', 60);
  check([
    ['its running lease', { leases: [mine] }, request('10.20.0.105'), ON_WIRE, 'ack 10.20.0.105'],
    [
      'its ended lease',
      { leases: [leaseAt(MAC_A, '10.20.0.105', -9)] },
      request('10.20.0.105'),
      ON_WIRE,
      'ack 10.20.0.105',
    ],
    ['a wrong network', {}, request('10.99.0.5'), ON_WIRE, 'nak wrong-network'],
    ['an unknown address', {}, request('10.20.0.105'), ON_WIRE, 'silence no-record'],
    ['another server’s address', {}, request('10.20.0.200'), ON_WIRE, 'silence no-record'],
    [
      'an address of no range while its lease runs',
      { leases: [mine] },
      request('10.20.0.200'),
      ON_WIRE,
      'nak address-outside-range',
    ],
    [
      'an address of no range after its lease',
      { leases: [leaseAt(MAC_A, '10.20.0.105', -9)] },
      request('10.20.0.200'),
      ON_WIRE,
      'silence no-record',
    ],
    ['a free address while its lease runs', { leases: [mine] }, request('10.20.0.101'), ON_WIRE, 'nak lease-differs'],
    [
      'an address that now belongs to another client',
      { leases: [leaseAt(MAC_B, '10.20.0.105', 60)] },
      request('10.20.0.105'),
      ON_WIRE,
      'silence no-record',
    ],
    [
      'an address that now belongs to another client, while its lease runs',
      { leases: [leaseAt(MAC_B, '10.20.0.105', 60), leaseAt(MAC_A, '10.20.0.101', 60)] },
      request('10.20.0.105'),
      ON_WIRE,
      'nak address-leased',
    ],
    [
      'its fixed address',
      { machines: [machine(MAC_A, '10.20.0.30')] },
      request('10.20.0.30'),
      ON_WIRE,
      'ack 10.20.0.30',
    ],
    [
      'its running lease when another address is fixed',
      { machines: [machine(MAC_A, '10.20.0.30')], leases: [mine] },
      request('10.20.0.105'),
      ON_WIRE,
      'ack 10.20.0.105',
    ],
    [
      'the address it had before its firmware took the fixed one',
      {
        machines: [machine(MAC_A, '10.20.0.30')],
        leases: [leaseAt(MAC_A, '10.20.0.30', 60), leaseAt(MAC_A, '10.20.0.105', -9)],
      },
      request('10.20.0.105'),
      ON_WIRE,
      'nak fixed-address-differs',
    ],
    [
      'a former address while another client holds the fixed one',
      { machines: [machine(MAC_A, '10.20.0.30')], leases: [mine, leaseAt(MAC_B, '10.20.0.30', 60)] },
      request('10.20.0.105'),
      ON_WIRE,
      'ack 10.20.0.105',
    ],
    ['no address', {}, { type: 'request' }, ON_WIRE, 'silence address-not-named'],
  ]);
});

test('RFC 2131 §4.3.2, RENEWING and REBINDING: extended whenever possible', () => {
  const renew = (address: string): ClientWords => ({ type: 'request', ciaddr: ip(address) });
  const mine = leaseAt(MAC_A, '10.20.0.105', 60);
  for (const arrival of [TO_RACK, ON_WIRE]) {
    check([
      ['its lease', { leases: [mine] }, renew('10.20.0.105'), arrival, 'ack 10.20.0.105'],
      ['a lease that was lost', {}, renew('10.20.0.105'), arrival, 'ack 10.20.0.105'],
      [
        'its lease while another address is fixed for it',
        { machines: [machine(MAC_A, '10.20.0.30')], leases: [mine] },
        renew('10.20.0.105'),
        arrival,
        'ack 10.20.0.105',
      ],
      [
        'an address that now belongs to another client',
        { leases: [leaseAt(MAC_B, '10.20.0.105', 60)] },
        renew('10.20.0.105'),
        arrival,
        'nak address-leased',
      ],
      [
        'an address that was reserved meanwhile',
        { machines: [machine(MAC_B, '10.20.0.105')], leases: [mine] },
        renew('10.20.0.105'),
        arrival,
        'nak address-reserved',
      ],
      [
        'its lease outside the changed range',
        { leases: [leaseAt(MAC_A, '10.20.0.150', 60)] },
        renew('10.20.0.150'),
        arrival,
        'nak address-outside-range',
      ],
      ['another server’s address', {}, renew('10.20.0.200'), arrival, 'silence no-record'],
    ]);
  }
  check([
    ['an address of a network not served, on the wire', {}, renew('10.99.0.5'), ON_WIRE, 'silence no-record'],
    ['an address of a network not served, to the rack', {}, renew('10.99.0.5'), TO_RACK, 'silence network-unknown'],
    [
      'a renewal that names the server against the RFC',
      { leases: [mine] },
      { ...renew('10.20.0.105'), server: RACK },
      TO_RACK,
      'ack 10.20.0.105',
    ],
  ]);
});

test('RFC 2131 §4.3.3 and §4.3.4: only the holder may DECLINE and RELEASE', () => {
  const mine = leaseAt(MAC_A, '10.20.0.105', 60);
  const decline: ClientWords = { type: 'decline', requested: ip('10.20.0.105'), server: RACK };
  const release: ClientWords = { type: 'release', ciaddr: ip('10.20.0.105'), server: RACK };
  check([
    ['a decline', { leases: [mine] }, decline, ON_WIRE, 'record declined 10.20.0.105'],
    [
      'a decline of another client’s address',
      { leases: [{ ...mine, mac: MAC_B }] },
      decline,
      ON_WIRE,
      'silence not-the-holder',
    ],
    ['a decline of a free address', {}, decline, ON_WIRE, 'silence not-the-holder'],
    [
      'a decline to another server',
      { leases: [mine] },
      { ...decline, server: ip('10.20.0.66') },
      ON_WIRE,
      'silence other-server-chosen',
    ],
    [
      'a decline without address',
      { leases: [mine] },
      { type: 'decline', server: RACK },
      ON_WIRE,
      'silence address-not-named',
    ],
    ['a release', { leases: [mine] }, release, TO_RACK, 'record released 10.20.0.105'],
    [
      'a release of another client’s address',
      { leases: [{ ...mine, mac: MAC_B }] },
      release,
      TO_RACK,
      'silence not-the-holder',
    ],
    [
      'a release of an ended lease',
      { leases: [leaseAt(MAC_A, '10.20.0.105', -1)] },
      release,
      TO_RACK,
      'silence not-the-holder',
    ],
    [
      'a release to another server',
      { leases: [mine] },
      { ...release, server: ip('10.20.0.66') },
      TO_RACK,
      'silence other-server-chosen',
    ],
    [
      'a release without address',
      { leases: [mine] },
      { type: 'release', server: RACK },
      ON_WIRE,
      'silence address-not-named',
    ],
  ]);
});

test('RFC 2131 §4.3.5: INFORM is answered without an address, a lease time or a record', () => {
  const inform: ClientWords = { type: 'inform', ciaddr: ip('10.20.0.200') };
  const decision = decide(clientMessage(inform), ON_WIRE, given({}), NOW);
  assert.equal(inShort(decision), 'ack 0.0.0.0');
  assert.ok(decision.kind === 'reply');
  assert.equal(decision.message.options.has(OPTION.leaseTime), false);
  assert.deepEqual(decision.records, []);
  assert.deepEqual(decision.destination, { kind: 'unicast', address: ip('10.20.0.200'), port: 68 });
  check([['an INFORM without address', {}, { type: 'inform' }, ON_WIRE, 'silence address-not-named']]);
});

test('messages that no client of this server can have sent are refused by name', () => {
  check([
    ['a reply', {}, { type: 'offer', op: 2 }, ON_WIRE, 'silence not-a-request'],
    ['a token ring address', {}, { type: 'discover', htype: 6 }, ON_WIRE, 'silence hardware-unsupported'],
    ['an address of eight bytes', {}, { type: 'discover', hlen: 8 }, ON_WIRE, 'silence hardware-unsupported'],
    [
      'a group address',
      {},
      { type: 'discover', mac: hw('01:00:5e:00:00:01') },
      ON_WIRE,
      'silence hardware-unsupported',
    ],
    ['no address', {}, { type: 'discover', mac: hw('00:00:00:00:00:00') }, ON_WIRE, 'silence hardware-unsupported'],
    ['BOOTP', {}, {}, ON_WIRE, 'silence bootp-unsupported'],
    ['a server’s message type', {}, { type: 'ack' }, ON_WIRE, 'silence message-type-unknown'],
    [
      'a message type of two bytes',
      {},
      { options: [[53, Uint8Array.of(1, 1)]] },
      ON_WIRE,
      'silence message-type-unknown',
    ],
  ]);
});

test('the network is chosen by 82.5, 118, giaddr, ciaddr, arrival, in this order', () => {
  const both = {
    config: config(subnet(), relayedSubnet()),
    leases: [leaseAt(MAC_A, '10.20.0.105', 9), leaseAt(MAC_A, '10.30.0.105', 9)],
  };
  const agent = Uint8Array.of(5, 4, 10, 30, 0, 0);
  const discover: ClientWords = { type: 'discover' };
  const far = ip('10.30.0.1');
  check([
    ['by arrival', both, discover, ON_WIRE, 'offer 10.20.0.105'],
    ['by giaddr', both, { ...discover, giaddr: far }, TO_RACK, 'offer 10.30.0.105'],
    ['by giaddr on a device', both, { ...discover, giaddr: far }, ON_WIRE, 'offer 10.30.0.105'],
    [
      'by 118 before giaddr',
      both,
      { ...discover, giaddr: ip('10.20.0.2'), options: [[118, Uint8Array.of(10, 30, 0, 0)]] },
      TO_RACK,
      'offer 10.30.0.105',
    ],
    [
      'by 82.5 before all',
      both,
      {
        ...discover,
        giaddr: ip('10.20.0.2'),
        options: [
          [118, Uint8Array.of(10, 20, 0, 0)],
          [82, agent],
        ],
      },
      TO_RACK,
      'offer 10.30.0.105',
    ],
    ['by ciaddr to the rack', both, { type: 'request', ciaddr: ip('10.30.0.105') }, TO_RACK, 'ack 10.30.0.105'],
    ['by the rack’s address', both, discover, TO_RACK, 'offer 10.20.0.105'],
    ['an unknown giaddr', both, { ...discover, giaddr: ip('10.99.0.1') }, ON_WIRE, 'silence network-unknown'],
    [
      'an unknown 82.5 with a known giaddr',
      both,
      { ...discover, giaddr: far, options: [[82, Uint8Array.of(5, 4, 10, 99, 0, 0)]] },
      ON_WIRE,
      'silence network-unknown',
    ],
    [
      'an interface without network',
      both,
      discover,
      { interfaceName: 'eth9', localAddress: ANY },
      'silence interface-unserved',
    ],
    [
      'an address of ours without network',
      both,
      discover,
      { interfaceName: undefined, localAddress: ip('10.20.0.9') },
      'silence network-unknown',
    ],
  ]);
});

test('two networks on one shared network serve a client from the one that knows it', () => {
  const second = { ...relayedSubnet(), interfaceName: 'eth1', serverAddress: ip('10.30.0.2') };
  const shared = config(subnet({ dynamic: undefined }), second);
  const offered = (before: Given): string =>
    inShort(decide(clientMessage({ type: 'discover' }), ON_WIRE, given(before), NOW));
  assert.match(offered({ config: shared }), /^offer 10\.30\.0\.10\d$/);
  assert.equal(offered({ config: shared, machines: [machine(MAC_A, '10.20.0.30')] }), 'offer 10.20.0.30');
  assert.equal(
    inShort(
      decide(
        clientMessage({ type: 'request', requested: ip('10.30.0.105') }),
        ON_WIRE,
        given({ config: shared, leases: [leaseAt(MAC_A, '10.30.0.105', 9)] }),
        NOW,
      ),
    ),
    'ack 10.30.0.105',
  );
});

test('a client holds one address in a network: the former one is released with the new lease, where that was offered', () => {
  const far = leaseAt(MAC_A, '10.30.0.105', 60);
  const state = given({
    config: config(subnet(), relayedSubnet()),
    leases: [leaseAt(MAC_A, '10.20.0.105', 60), far],
    machines: [machine(MAC_A, '10.20.0.30')],
  });
  const records = (): readonly string[] => {
    const words: ClientWords = { type: 'request', requested: ip('10.20.0.30'), server: RACK };
    const decision = decide(clientMessage(words), ON_WIRE, state, NOW);
    assert.ok(decision.kind === 'reply');
    return decision.records.map(({ address, state: leaseState }) => `${leaseState} ${formatIpv4(address)}`);
  };
  assert.deepEqual(records(), ['bound 10.20.0.30']);
  state.offers.hold(ip('10.20.0.30'), MAC_A, aloneIn(state.subnets), NOW);
  assert.deepEqual(records(), ['released 10.20.0.105', 'bound 10.20.0.30']);
});

test('a renewal releases no lease, not even another one of the same client', () => {
  const leases = [leaseAt(MAC_A, '10.20.0.105', 60), leaseAt(MAC_A, '10.20.0.106', 60)];
  const renewals: readonly (readonly [string, ClientWords, Arrival])[] = [
    ['RENEWING', { type: 'request', ciaddr: ip('10.20.0.105') }, TO_RACK],
    ['REBINDING', { type: 'request', ciaddr: ip('10.20.0.105') }, ON_WIRE],
    ['INIT-REBOOT', { type: 'request', requested: ip('10.20.0.105') }, ON_WIRE],
    ['SELECTING', { type: 'request', requested: ip('10.20.0.105'), server: RACK }, ON_WIRE],
  ];
  for (const [name, words, arrival] of renewals) {
    const decision = decide(clientMessage(words), arrival, given({ leases }), NOW);
    assert.ok(decision.kind === 'reply', name);
    const records = decision.records.map(({ address, state }) => `${state} ${formatIpv4(address)}`);
    assert.deepEqual(records, ['bound 10.20.0.105'], name);
  }
});

test('a record never ends before an earlier promise to the same client', () => {
  const long = leaseAt(MAC_A, '10.20.0.105', 500);
  const request: ClientWords = {
    type: 'request',
    requested: ip('10.20.0.105'),
    server: RACK,
    vendorClass: 'PXEClient:Arch:00000',
  };
  const decision = decide(clientMessage(request), ON_WIRE, given({ leases: [long] }), NOW);
  assert.ok(decision.kind === 'reply');
  assert.equal(decision.event.leaseSeconds, 30);
  assert.equal(decision.records.at(-1)?.expiresAt, long.expiresAt);
  const fresh = decide(clientMessage(request), ON_WIRE, given({}), NOW);
  assert.ok(fresh.kind === 'reply');
  assert.equal(fresh.records.at(-1)?.expiresAt, later(NOW, 30_000));
});

test('a decision says where the reply goes (RFC 2131 §4.1)', () => {
  const mine = {
    leases: [leaseAt(MAC_A, '10.20.0.105', 60), leaseAt(MAC_A, '10.30.0.105', 60)],
    config: config(subnet(), relayedSubnet()),
  };
  const relay = ip('10.30.0.1');
  const cases: readonly (readonly [string, ClientWords, unknown])[] = [
    [
      'by hardware address',
      { type: 'discover' },
      { kind: 'hardware', address: ip('10.20.0.105'), mac: MAC_A, port: 68 },
    ],
    ['by broadcast when the flag asks for it', { type: 'discover', broadcast: true }, { kind: 'broadcast', port: 68 }],
    [
      'to the client’s address',
      { type: 'request', ciaddr: ip('10.20.0.105'), broadcast: true },
      { kind: 'unicast', address: ip('10.20.0.105'), port: 68 },
    ],
    ['to the relay', { type: 'discover', giaddr: relay }, { kind: 'unicast', address: relay, port: 67 }],
    ['a NAK by broadcast', { type: 'request', requested: ip('10.99.0.5') }, { kind: 'broadcast', port: 68 }],
    [
      'a NAK to the relay',
      { type: 'request', requested: ip('10.99.0.5'), giaddr: relay },
      { kind: 'unicast', address: relay, port: 67 },
    ],
  ];
  for (const [name, words, destination] of cases) {
    const decision = decide(clientMessage(words), ON_WIRE, given(mine), NOW);
    assert.ok(decision.kind === 'reply', name);
    assert.deepEqual(decision.destination, destination, name);
  }
  const nak = decide(
    clientMessage({ type: 'request', requested: ip('10.99.0.5'), giaddr: relay }),
    ON_WIRE,
    given(mine),
    NOW,
  );
  assert.ok(nak.kind === 'reply');
  assert.equal(nak.message.flags, 0x8000, 'RFC 2131 §4.3.2: the relay broadcasts a NAK');
});

test('the server identifier is the rack’s address in the network, the one asked, or what the relay wants', () => {
  const state = given({ config: config(subnet(), relayedSubnet()) });
  const identifier = (words: ClientWords, arrival: Arrival): Ipv4 | undefined => {
    const decision = decide(clientMessage(words), arrival, state, NOW);
    assert.ok(decision.kind === 'reply');
    return optionAddress(decision.message.options, OPTION.serverIdentifier);
  };
  const relayed: ClientWords = { type: 'discover', giaddr: ip('10.30.0.1') };
  const override = Uint8Array.of(11, 4, 10, 30, 0, 1);
  assert.equal(identifier({ type: 'discover' }, ON_WIRE), RACK);
  assert.equal(identifier(relayed, TO_RACK), RACK);
  assert.equal(identifier(relayed, ON_WIRE), RACK);
  assert.equal(identifier({ ...relayed, options: [[82, override]] }, TO_RACK), ip('10.30.0.1'));
  const request: ClientWords = {
    ...relayed,
    type: 'request',
    requested: ip('10.30.0.100'),
    server: ip('10.30.0.1'),
    options: [[82, override]],
  };
  assert.equal(inShort(decide(clientMessage(request), TO_RACK, state, NOW)), 'ack 10.30.0.100');
});
