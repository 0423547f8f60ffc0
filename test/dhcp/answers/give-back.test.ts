// Which DECLINE and RELEASE messages are believed: by the server they name, their source and the identifier. RFC 2131 §3.1 step 6, §4.3.3,
// §4.3.4, §4.4.4, table 5.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { DhcpDecision } from '../../../src/dhcp/answers/decision.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { Arrival } from '../../../src/dhcp/networks/subnet.ts';
import { OPTION } from '../../../src/dhcp/wire/options.ts';
import type { Ipv4, MacAddress } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import {
  aloneIn,
  type ClientWords,
  called,
  clientMessage,
  config,
  labState,
  leaseAt,
  MAC_A,
  MAC_B,
  NOW,
  ON_WIRE,
  relayedSubnet,
  subnet,
  TO_RACK,
} from '../lab.ts';

const WISH = ip('10.20.0.105');
const FAR = ip('10.30.0.105');
const RELAY = ip('10.30.0.1');
const MINE = leaseAt(MAC_A, '10.20.0.105', 60);
const RELEASE: ClientWords = { type: 'release', ciaddr: WISH, server: RACK };
const DECLINE: ClientWords = { type: 'decline', requested: WISH, server: RACK };
const { server: _release, ...NAMELESS_RELEASE } = RELEASE;
const { server: _decline, ...NAMELESS_DECLINE } = DECLINE;
const overridden = Uint8Array.of(11, 4, 10, 30, 0, 1);

/** `released`, `declined`, or the reason of the silence. */
function inShort(decision: DhcpDecision): string {
  if (decision.kind === 'record') return decision.records.map(({ state }) => state).join();
  return decision.kind === 'ignore' ? decision.reason : decision.kind;
}

function say(
  words: ClientWords,
  arrival: Arrival,
  from: Ipv4 | undefined,
  held: Lease = MINE,
  identity = 'mac',
): string {
  const near = subnet({ identity: identity === 'mac' ? 'mac' : 'client-id' });
  const state = labState(config(near, relayedSubnet()));
  state.leases.load([held], NOW);
  return inShort(decide(clientMessage(words), arrival, state, NOW, from));
}

type Case = readonly [name: string, words: ClientWords, arrival: Arrival, from: Ipv4 | undefined, expected: string];

function check(cases: readonly Case[], held?: Lease): void {
  for (const [name, words, arrival, from, expected] of cases) {
    assert.equal(say(words, arrival, from, held), expected, name);
  }
}

test('§4.4.4: a RELEASE is believed from the released address only, a DECLINE by broadcast only', () => {
  const elsewhere = ip('10.20.0.106');
  check([
    ['to the rack, from the address', RELEASE, TO_RACK, WISH, 'released'],
    ['to the rack, from another address', RELEASE, TO_RACK, elsewhere, 'sent-from-elsewhere'],
    ['to the rack, from another network', RELEASE, TO_RACK, ip('192.0.2.1'), 'source-unserved'],
    ['broadcast, from the address', RELEASE, ON_WIRE, WISH, 'released'],
    ['broadcast, from another address', RELEASE, ON_WIRE, elsewhere, 'sent-from-elsewhere'],
    ['broadcast, from no address', RELEASE, ON_WIRE, ip('0.0.0.0'), 'sent-from-elsewhere'],
    ['with an unknown source', RELEASE, TO_RACK, undefined, 'released'],
    ['a DECLINE on the wire', DECLINE, ON_WIRE, ip('0.0.0.0'), 'declined'],
    ['a DECLINE to the rack', DECLINE, TO_RACK, WISH, 'sent-from-elsewhere'],
    ['a DECLINE to the rack, from elsewhere', DECLINE, TO_RACK, ip('192.0.2.1'), 'source-unserved'],
  ]);
});

test('table 5: a DECLINE and a RELEASE name this server; one that names none is believed if it can mean no other', () => {
  const other = ip('10.20.0.66');
  check([
    ['a RELEASE to another server', { ...RELEASE, server: other }, TO_RACK, WISH, 'other-server-chosen'],
    ['a DECLINE to another server', { ...DECLINE, server: other }, ON_WIRE, ip('0.0.0.0'), 'other-server-chosen'],
    ['systemd-networkd, to the rack', NAMELESS_RELEASE, TO_RACK, WISH, 'released'],
    ['to the rack, from elsewhere', NAMELESS_RELEASE, TO_RACK, ip('10.20.0.106'), 'sent-from-elsewhere'],
    ['a broadcast RELEASE that names none', NAMELESS_RELEASE, ON_WIRE, WISH, 'server-not-named'],
    ['dhcpcd, on the wire', NAMELESS_DECLINE, ON_WIRE, ip('0.0.0.0'), 'declined'],
    ['to the rack alone', NAMELESS_DECLINE, TO_RACK, WISH, 'sent-from-elsewhere'],
  ]);
});

test('§4.3.3: a DECLINE of an address that is only offered comes from the client of the offer, and names this server', () => {
  const other = ip('10.20.0.66');
  const cases: readonly (readonly [
    name: string,
    words: ClientWords,
    holder: MacAddress | undefined,
    expected: string,
  ])[] = [
    ['offered to it', DECLINE, MAC_A, 'declined'],
    ['that names no server', NAMELESS_DECLINE, MAC_A, 'server-not-named'],
    ['that names another server', { ...DECLINE, server: other }, MAC_A, 'other-server-chosen'],
    ['offered to another client', DECLINE, MAC_B, 'not-the-holder'],
    ['offered to nobody', DECLINE, undefined, 'not-the-holder'],
    ['another address than the offered one', { ...DECLINE, requested: ip('10.20.0.106') }, MAC_A, 'not-the-holder'],
  ];
  for (const [name, words, holder, expected] of cases) {
    const state = labState();
    if (holder !== undefined) state.offers.hold(WISH, holder, aloneIn(state.subnets), NOW);
    const decision = decide(clientMessage(words), ON_WIRE, state, NOW, ip('0.0.0.0'));
    assert.equal(inShort(decision), expected, name);
    const addresses = decision.kind === 'record' ? decision.records.map(({ address }) => address) : [];
    assert.deepEqual(addresses, expected === 'declined' ? [WISH] : [], name);
  }
});

test('through a relay: the source is the relay’s, a DECLINE comes by unicast, a RELEASE names the server or its override', () => {
  const held = leaseAt(MAC_A, '10.30.0.105', 60);
  const relayed: ClientWords = { giaddr: RELAY };
  const override: ClientWords = { server: RELAY, options: [[OPTION.relayAgentInformation, overridden]] };
  check(
    [
      ['a DECLINE', { ...DECLINE, ...relayed, requested: FAR }, TO_RACK, RELAY, 'declined'],
      ['a DECLINE of dhcpcd', { ...NAMELESS_DECLINE, ...relayed, requested: FAR }, TO_RACK, RELAY, 'declined'],
      ['a RELEASE', { ...RELEASE, ...relayed, ciaddr: FAR }, TO_RACK, RELAY, 'released'],
      [
        'with server identifier override',
        { ...RELEASE, ...relayed, ...override, ciaddr: FAR },
        TO_RACK,
        RELAY,
        'released',
      ],
      ['that names none', { ...NAMELESS_RELEASE, ...relayed, ciaddr: FAR }, TO_RACK, RELAY, 'server-not-named'],
      ['past the relay, from the address', { ...RELEASE, ciaddr: FAR }, TO_RACK, FAR, 'released'],
      ['past the relay, from elsewhere', { ...RELEASE, ciaddr: FAR }, TO_RACK, RELAY, 'sent-from-elsewhere'],
    ],
    held,
  );
});

test('§3.1 step 6: an address got under another identifier is not given back, wherever identifiers count', () => {
  const held = { ...MINE, clientId: 'one' };
  const table: readonly (readonly [identity: string, id: string | undefined, expected: string])[] = [
    ['mac', 'one', 'believed'],
    ['mac', 'two', 'not-the-holder'],
    ['mac', undefined, 'believed'],
    ['client-id', 'one', 'believed'],
    ['client-id', 'two', 'not-the-holder'],
    ['client-id', undefined, 'not-the-holder'],
  ];
  for (const [identity, id, expected] of table) {
    const words = id === undefined ? {} : called(id);
    const name = `${identity}, ${id}`;
    const released = say({ ...RELEASE, ...words }, TO_RACK, WISH, held, identity);
    assert.equal(released, expected === 'believed' ? 'released' : expected, name);
    const declined = say({ ...DECLINE, ...words }, ON_WIRE, ip('0.0.0.0'), held, identity);
    assert.equal(declined, expected === 'believed' ? 'declined' : expected, name);
  }
  assert.equal(say({ ...RELEASE, mac: MAC_B }, TO_RACK, WISH), 'not-the-holder');
});
