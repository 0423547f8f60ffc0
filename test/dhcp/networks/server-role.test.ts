// The answers to a client with a wrong or unknown address, by this server's role on its network: the table of `decide-request.ts`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { roleOn, type ServerRole, sharedNetworkKey } from '../../../src/dhcp/networks/server-role.ts';
import { type Arrival, indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { OPTION, optionU8 } from '../../../src/dhcp/wire/options.ts';
import { ANY, parseNetwork } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import {
  type ClientWords,
  clientMessage,
  config,
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

const SEEN = { isSeenAt: (place: string): boolean => place === 'eth1' };

/** The configuration and sightings that lead to each role. */
const ROLES: Readonly<Record<ServerRole, { words: Partial<DhcpSubnet>; isSeen: boolean }>> = {
  sole: { words: { authoritative: 'yes' }, isSeen: true },
  presumed: { words: { authoritative: 'auto' }, isSeen: false },
  guest: { words: { authoritative: 'auto' }, isSeen: true },
};

interface Case {
  readonly name: string;
  readonly leases?: readonly Lease[];
  readonly fixed?: string;
  readonly words: ClientWords;
  readonly arrival?: Arrival;
  readonly expected: Readonly<Record<ServerRole, 'ack' | 'nak' | 'silence'>>;
}

const init = (address: string): ClientWords => ({ type: 'request', requested: ip(address) });
const extend = (address: string): ClientWords => ({ type: 'request', ciaddr: ip(address) });
const others = [leaseAt(MAC_B, '10.20.0.105', 60)];
const own = [leaseAt(MAC_A, '10.20.0.101', 60)];
const all = (word: 'ack' | 'nak' | 'silence') => ({ sole: word, presumed: word, guest: word });

const CASES: readonly Case[] = [
  {
    name: 'SELECTING an address that another client holds',
    leases: others,
    words: { ...init('10.20.0.105'), server: RACK },
    expected: all('nak'),
  },
  { name: 'INIT-REBOOT with its own lease', leases: own, words: init('10.20.0.101'), expected: all('ack') },
  {
    name: 'INIT-REBOOT with its ended lease',
    leases: [leaseAt(MAC_A, '10.20.0.101', -9)],
    words: init('10.20.0.101'),
    expected: all('ack'),
  },
  { name: 'INIT-REBOOT with its fixed address', fixed: '10.20.0.30', words: init('10.20.0.30'), expected: all('ack') },
  {
    name: 'INIT-REBOOT with another address than the fixed one',
    fixed: '10.20.0.30',
    words: init('10.20.0.105'),
    expected: all('nak'),
  },
  {
    name: 'INIT-REBOOT with its own lease when another address is fixed',
    fixed: '10.20.0.30',
    leases: own,
    words: init('10.20.0.101'),
    expected: all('ack'),
  },
  {
    name: 'INIT-REBOOT with its ended lease when another address is fixed',
    fixed: '10.20.0.30',
    leases: [leaseAt(MAC_A, '10.20.0.101', -9)],
    words: init('10.20.0.101'),
    expected: all('nak'),
  },
  {
    name: 'SELECTING the fixed address while its earlier lease runs',
    fixed: '10.20.0.30',
    leases: own,
    words: { ...init('10.20.0.30'), server: RACK },
    expected: all('ack'),
  },
  {
    name: 'INIT-REBOOT with a free dynamic address while its lease runs',
    leases: own,
    words: init('10.20.0.105'),
    expected: all('nak'),
  },
  {
    name: 'REBINDING a free dynamic address while its lease runs',
    leases: own,
    words: extend('10.20.0.105'),
    expected: all('nak'),
  },
  {
    name: 'REBINDING its ended lease while another one runs',
    leases: [leaseAt(MAC_A, '10.20.0.105', -9), ...own],
    words: extend('10.20.0.105'),
    expected: all('ack'),
  },
  {
    name: 'INIT-REBOOT outside all ranges while its lease runs',
    leases: own,
    words: init('10.20.0.200'),
    expected: all('nak'),
  },
  {
    name: 'INIT-REBOOT on a wrong network while its lease runs',
    leases: own,
    words: init('10.99.0.5'),
    expected: all('nak'),
  },
  {
    name: 'INIT-REBOOT on a wrong network',
    words: init('10.99.0.5'),
    expected: { sole: 'nak', presumed: 'nak', guest: 'silence' },
  },
  {
    name: 'INIT-REBOOT with an address of another client',
    leases: others,
    words: init('10.20.0.105'),
    expected: { sole: 'nak', presumed: 'silence', guest: 'silence' },
  },
  {
    name: 'INIT-REBOOT with an address of another client while its own lease runs',
    leases: [...others, ...own],
    words: init('10.20.0.105'),
    expected: all('nak'),
  },
  {
    name: 'INIT-REBOOT with a free dynamic address',
    words: init('10.20.0.105'),
    expected: { sole: 'ack', presumed: 'silence', guest: 'silence' },
  },
  {
    name: 'INIT-REBOOT outside all ranges',
    words: init('10.20.0.200'),
    expected: { sole: 'nak', presumed: 'silence', guest: 'silence' },
  },
  { name: 'REBINDING its own lease', leases: own, words: extend('10.20.0.101'), expected: all('ack') },
  { name: 'RENEWING its own lease', leases: own, words: extend('10.20.0.101'), arrival: TO_RACK, expected: all('ack') },
  {
    name: 'REBINDING a free dynamic address',
    words: extend('10.20.0.105'),
    expected: { sole: 'ack', presumed: 'ack', guest: 'silence' },
  },
  { name: 'REBINDING its fixed address', fixed: '10.20.0.30', words: extend('10.20.0.30'), expected: all('ack') },
  {
    name: 'RENEWING a free dynamic address',
    words: extend('10.20.0.105'),
    arrival: TO_RACK,
    expected: all('ack'),
  },
  {
    name: 'REBINDING an address of another client',
    leases: others,
    words: extend('10.20.0.105'),
    expected: { sole: 'nak', presumed: 'nak', guest: 'silence' },
  },
  {
    name: 'REBINDING an address of another client while its own lease runs',
    leases: [...others, ...own],
    words: extend('10.20.0.105'),
    expected: all('nak'),
  },
  {
    name: 'REBINDING outside all ranges',
    words: extend('10.20.0.200'),
    expected: { sole: 'nak', presumed: 'silence', guest: 'silence' },
  },
  {
    name: 'REBINDING on a wrong network',
    words: extend('10.99.0.5'),
    expected: { sole: 'nak', presumed: 'silence', guest: 'silence' },
  },
];

function checkRole(role: ServerRole): void {
  for (const { name, leases = [], fixed, words, arrival = ON_WIRE, expected } of CASES) {
    const { words: authority, isSeen } = ROLES[role];
    const machines = fixed === undefined ? [] : [machine(MAC_A, fixed)];
    const state = labState(config(subnet(authority)), machines);
    state.leases.load(leases, NOW);
    const foreign = isSeen ? SEEN : undefined;
    const decision = decide(clientMessage(words), arrival, { ...state, foreign }, NOW);
    const type = decision.kind === 'reply' ? optionU8(decision.message.options, OPTION.messageType) : undefined;
    assert.equal(type === 5 ? 'ack' : type === 6 ? 'nak' : 'silence', expected[role], `${role}: ${name}`);
  }
}

// One test each, so that the table of RFC demands can name them.
test('RFC 2131 §4.3.2: the answer of a sole server about an address', () => checkRole('sole'));
test('RFC 2131 §4.3.2: the answer of a presumed server about an address', () => checkRole('presumed'));
test('RFC 2131 §4.3.2: the answer of a guest server about an address', () => checkRole('guest'));

test('networks of one shared network have the humblest role among them, and a relayed network its own', () => {
  const second = { name: 'second', network: parseNetwork('10.21.0.0/24') ?? { address: ANY, prefix: 0 } };
  const cases: readonly (readonly [string, readonly DhcpSubnet[], boolean, ServerRole])[] = [
    ['yes', [subnet({ authoritative: 'yes' })], true, 'sole'],
    ['no', [subnet({ authoritative: 'no' })], false, 'guest'],
    ['auto, no server seen', [subnet({ authoritative: 'auto' })], false, 'presumed'],
    ['auto is the default', [subnet()], false, 'presumed'],
    ['auto, a server seen', [subnet()], true, 'guest'],
    ['yes and auto', [subnet({ authoritative: 'yes' }), subnet(second)], false, 'presumed'],
    ['yes and no', [subnet({ authoritative: 'yes' }), subnet({ ...second, authoritative: 'no' })], false, 'guest'],
    ['relayed, a server seen on eth1', [relayedSubnet()], true, 'presumed'],
  ];
  for (const [name, subnets, isSeen, expected] of cases) {
    const { served } = indexSubnets(config(...subnets), undefined);
    assert.equal(roleOn({ sharedNetwork: served, mac: MAC_A }, isSeen ? SEEN : undefined), expected, name);
  }
  assert.equal(sharedNetworkKey(subnet()), 'eth1');
  assert.equal(sharedNetworkKey(relayedSubnet()), 'relayed far');
});
