// Where replies go (RFC 2131 §4.1).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDestination } from '../../../src/dhcp/wire/destination.ts';
import { ANY, parseNetwork } from '../../../src/ground/address.ts';
import type { Destination } from '../../../src/net/datagrams/datagram.ts';
import { ip } from '../../support/lab-facts.ts';
import { type ClientWords, clientMessage, MAC_A } from '../lab.ts';

const PORTS = { serverPort: 67, clientPort: 68 };
const NETWORK = parseNetwork('10.20.0.0/24');
const GIVEN = ip('10.20.0.105');
const RELAY = ip('10.30.0.1');
const BROADCAST: Destination = { kind: 'broadcast', port: 68 };
const TO_RELAY: Destination = { kind: 'unicast', address: RELAY, port: 67 };

const PLACES: readonly (readonly [
  name: string,
  request: ClientWords,
  kind: 'settings' | 'nak',
  yiaddr: typeof GIVEN,
  to: Destination,
])[] = [
  [
    'to a client without an address: its hardware address',
    {},
    'settings',
    GIVEN,
    { kind: 'hardware', address: GIVEN, mac: MAC_A, port: 68 },
  ],
  ['to all, when it asks for that', { broadcast: true }, 'settings', GIVEN, BROADCAST],
  ['to all, when it is given no address', {}, 'settings', ANY, BROADCAST],
  ['to the address that it has', { ciaddr: GIVEN }, 'settings', GIVEN, { kind: 'unicast', address: GIVEN, port: 68 }],
  [
    'even when it asks for all',
    { ciaddr: GIVEN, broadcast: true },
    'settings',
    GIVEN,
    { kind: 'unicast', address: GIVEN, port: 68 },
  ],
  [
    'never to an address outside the network',
    { ciaddr: ip('192.0.2.1') },
    'settings',
    GIVEN,
    { kind: 'hardware', address: GIVEN, mac: MAC_A, port: 68 },
  ],
  ['nor one by broadcast', { ciaddr: ip('192.0.2.1'), broadcast: true }, 'settings', GIVEN, BROADCAST],
  ['through its relay, at the server’s port', { giaddr: RELAY }, 'settings', GIVEN, TO_RELAY],
  ['whatever address it has', { giaddr: RELAY, ciaddr: GIVEN }, 'settings', GIVEN, TO_RELAY],
  ['and whatever it asks for', { giaddr: RELAY, broadcast: true }, 'settings', GIVEN, TO_RELAY],
  ['a NAK goes to all', {}, 'nak', ANY, BROADCAST],
  ['also to a client that has an address', { ciaddr: GIVEN }, 'nak', ANY, BROADCAST],
  ['and through its relay', { giaddr: RELAY, ciaddr: GIVEN }, 'nak', ANY, TO_RELAY],
];

for (const [name, request, kind, yiaddr, to] of PLACES) {
  test(`replies go: ${name}`, () => {
    assert.deepEqual(chooseDestination(clientMessage(request), kind, yiaddr, PORTS, NETWORK), to);
  });
}

test('without a network every address of a client gets its reply', () => {
  const request = clientMessage({ ciaddr: ip('192.0.2.1') });
  const to = { kind: 'unicast', address: ip('192.0.2.1'), port: 68 };
  assert.deepEqual(chooseDestination(request, 'settings', ANY, PORTS), to);
});

test('a rack without privileges answers at its own ports', () => {
  const ports = { serverPort: 1067, clientPort: 1068 };
  const portOf = (request: ClientWords) => chooseDestination(clientMessage(request), 'settings', GIVEN, ports).port;
  assert.deepEqual([portOf({}), portOf({ ciaddr: GIVEN }), portOf({ giaddr: RELAY })], [1068, 1068, 1067]);
});
