// Which client gets an address that is reserved by hardware address, identifier, DUID or place; which of several matching reservations
// counts; and that no address goes to two clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEW_CLIENTS_BURST_SECONDS, NEW_CLIENTS_PER_SECOND } from '../../../src/dhcp/limits/new-clients.ts';
import type { ClientNames } from '../../../src/dhcp/networks/client-identity.ts';
import type { DhcpSubnet, Reservation } from '../../../src/dhcp/networks/config.ts';
import {
  indexReservations,
  isReservedFor,
  parseDuid,
  reservationFor,
} from '../../../src/dhcp/networks/reservations.ts';
import { OPTION, textBytes } from '../../../src/dhcp/wire/options.ts';
import { formatIpv4, type Ipv4, mac } from '../../../src/ground/address.ts';
import { ip } from '../../support/lab-facts.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { type ClientWords, config, MAC_A, MAC_B, MAC_C, relayedSubnet, subnet } from '../lab.ts';
import { BY_RELAY, rig } from '../responder-rig.ts';

const DUID = '\0\u0003\0\u0001RT\0\0\0\u000a';
const NODE_ID = `\u00ff\0\0\0\u0001${DUID}`;

/** Each reservation with its address, which identifies it. */
const EVERY: readonly Reservation[] = [
  { clientId: NODE_ID, address: ip('10.30.0.11') },
  { duid: DUID, address: ip('10.30.0.12') },
  { mac: MAC_A, address: ip('10.30.0.13') },
  { circuitId: 'ge-1', remoteId: 'sw-1', address: ip('10.30.0.14') },
  { circuitId: 'ge-1', address: ip('10.30.0.15') },
  { remoteId: 'sw-1', address: ip('10.30.0.16') },
];
const HERE: ClientNames = { mac: MAC_A, clientId: NODE_ID, circuitId: 'ge-1', remoteId: 'sw-1' };
const addressFor = (reservations: readonly Reservation[], client: ClientNames): string => {
  const found = reservationFor(indexReservations(reservations), client);
  return found === undefined ? 'none' : formatIpv4(found.address);
};

test('a client’s identity comes before its place, and the more specific before the less specific', () => {
  for (const [index, { address }] of EVERY.entries()) {
    assert.equal(addressFor(EVERY.slice(index), HERE), formatIpv4(address), `without the ${index} before it`);
    assert.equal(addressFor(EVERY.slice(index).toReversed(), HERE), formatIpv4(address), 'in whatever order they are');
  }
  assert.equal(addressFor([], HERE), 'none');
});

const FITS: readonly (readonly [name: string, client: ClientNames, address: string])[] = [
  ['another interface of the same node', { ...HERE, clientId: `\u00ff\0\0\0\u0002${DUID}` }, '10.30.0.12'],
  ['an identifier of another form', { ...HERE, clientId: `\u0001${DUID}` }, '10.30.0.13'],
  ['a longer DUID', { ...HERE, clientId: `${NODE_ID}x`, mac: MAC_B }, '10.30.0.14'],
  ['an identifier cut off before its DUID', { mac: MAC_B, clientId: '\u00ff\0\0\0\u0001' }, 'none'],
  ['another switch', { mac: MAC_B, circuitId: 'ge-1', remoteId: 'sw-2' }, '10.30.0.15'],
  ['another port', { mac: MAC_B, circuitId: 'ge-2', remoteId: 'sw-1' }, '10.30.0.16'],
  ['a relay that names no switch', { mac: MAC_B, circuitId: 'ge-1' }, '10.30.0.15'],
  ['another place', { mac: MAC_B, circuitId: 'sw-1', remoteId: 'ge-1' }, 'none'],
  ['no place', { mac: MAC_B }, 'none'],
];
for (const [name, client, address] of FITS) {
  test(`${name}: ${address}`, () => {
    assert.equal(addressFor(EVERY, client), address);
    const fitting = EVERY.filter((one) => isReservedFor(one, client)).map((one) => formatIpv4(one.address));
    assert.equal(fitting.includes(address), address !== 'none');
  });
}

test('no two places are confused', () => {
  const places: readonly (readonly [string | undefined, string | undefined])[] = [
    ['a', 'b'],
    ['a:b', undefined],
    [undefined, 'a:b'],
    ['a:', 'b'],
    ['a', ':b'],
    ['1:a', 'b'],
    [undefined, '1:a:b'],
    ['b', 'a'],
  ];
  const reservations = places.map(([circuitId, remoteId], index) => {
    return { circuitId, remoteId, address: ip(`10.30.0.${index + 1}`) };
  });
  const { byPlace } = indexReservations(reservations);
  assert.equal(byPlace?.size, places.length);
  for (const one of reservations)
    assert.equal(addressFor(reservations, { mac: MAC_A, ...one }), formatIpv4(one.address));
});

test('a DUID follows the interface in an identifier of RFC 4361; no other identifier has one', () => {
  assert.equal(parseDuid(NODE_ID), DUID);
  for (const id of [undefined, '', '\u00ff', '\u00ff\0\0\0\0', `\u0001${DUID}`]) assert.equal(parseDuid(id), undefined);
});

const FAR = relayedSubnet();
const GIADDR = FAR.router ?? assert.fail();
/** The options of a client behind a port, as its relay agent passes them on. */
const behind = (circuit: string, remote = 'sw-1'): ClientWords => ({
  giaddr: GIADDR,
  options: [
    [
      OPTION.relayAgentInformation,
      Uint8Array.of(1, circuit.length, ...textBytes(circuit), 2, remote.length, ...textBytes(remote)),
    ],
  ],
});
const far = (changes: Partial<DhcpSubnet>) => config(subnet(), { ...FAR, ...changes });

/** Takes a client behind a port all the way to a lease; its address, or `silence`. */
function join(place: ReturnType<typeof rig>, client: typeof MAC_A, words: ClientWords): string {
  const offered = place.say({ ...words, type: 'discover', mac: client }, BY_RELAY).split(' ')[1];
  if (offered === undefined) return 'silence';
  return place.say(
    { ...words, type: 'request', mac: client, requested: ip(offered), server: BY_RELAY.localAddress },
    BY_RELAY,
  );
}

test('the host at a port has its address, one at a time; the next one gets it when the lease of the first has ended', () => {
  const place = rig(far({ reservations: [{ circuitId: 'ge-1', address: ip('10.30.0.20') }] }));
  assert.equal(join(place, MAC_A, behind('ge-1')), 'ack 10.30.0.20');
  assert.match(join(place, MAC_B, behind('ge-1')), /^ack 10\.30\.0\.10\d$/, 'while another host of the port has it');
  assert.match(join(place, MAC_C, behind('ge-2')), /^ack 10\.30\.0\.10\d$/, 'at another port');
  place.clock.advance(601_000);
  assert.equal(join(place, MAC_B, behind('ge-1')), 'ack 10.30.0.20');
});

test('a host keeps the address of its port when it renews by unicast, past the relay agent, however often', () => {
  const place = rig(far({ reservations: [{ circuitId: 'ge-1', remoteId: 'sw-1', address: ip('10.30.0.20') }] }));
  assert.equal(join(place, MAC_A, behind('ge-1')), 'ack 10.30.0.20');
  for (let round = 0; round < 4; round += 1) {
    place.clock.advance(300_000);
    const renewal = { type: 'request', mac: MAC_A, ciaddr: ip('10.30.0.20') } as const;
    assert.equal(place.say(renewal, BY_RELAY), 'ack 10.30.0.20', `round ${round}`);
    const lease = place.table.find(ip('10.30.0.20'));
    assert.deepEqual([lease?.circuitId, lease?.remoteId], ['ge-1', 'sw-1']);
  }
  assert.match(
    place.say({ type: 'request', mac: MAC_B, ciaddr: ip('10.30.0.20') }, BY_RELAY),
    /^nak/,
    'no other host does',
  );
  place.clock.advance(601_000);
  const late = { type: 'request', mac: MAC_A, ciaddr: ip('10.30.0.20') } as const;
  assert.match(place.say(late, BY_RELAY), /^nak/, 'nor itself, once it has ended');
});

test('a reservation for a port or an identifier exempts one client from the limit on new ones, not all that show it', () => {
  const flood = 800;
  const atOnce = NEW_CLIENTS_PER_SECOND * NEW_CLIENTS_BURST_SECONDS;
  const range = { low: ip('10.30.4.0'), high: ip('10.30.7.255') };
  const wide = { network: { address: ip('10.30.0.0'), prefix: 16 }, broadcast: ip('10.30.255.255'), dynamic: range };
  const shown: readonly (readonly [string, Reservation, ClientWords])[] = [
    ['a port', { circuitId: 'ge-1', address: ip('10.30.0.20') }, behind('ge-1')],
    [
      'an identifier',
      { clientId: NODE_ID, address: ip('10.30.0.20') },
      { giaddr: GIADDR, options: [[OPTION.clientIdentifier, textBytes(NODE_ID)]] },
    ],
    [
      'a DUID',
      { duid: DUID, address: ip('10.30.0.20') },
      { giaddr: GIADDR, options: [[OPTION.clientIdentifier, textBytes(NODE_ID)]] },
    ],
  ];
  for (const [name, reservation, words] of shown) {
    const place = rig(far({ ...wide, reservations: [reservation] }));
    let offered = 0;
    for (let index = 0; index < flood; index += 1) {
      const said = place.say({ ...words, type: 'discover', mac: mac(0x060000000000 + index) }, BY_RELAY);
      if (said !== 'silence') offered += 1;
    }
    assert.ok(offered <= atOnce + 1, `${name}: ${offered} of ${flood} were offered an address`);
  }
});

test('whatever clients show and wherever they come from, no address belongs to two hosts at a time', () => {
  const random = seededRandom(4361);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] ?? assert.fail();
  const place = rig(far({ reservations: EVERY }));
  const cards = [MAC_A, MAC_B, MAC_C, mac(0x525400000010), mac(0x525400000011)];
  /** Which client was last given an address, and until when. */
  const held = new Map<Ipv4, { readonly card: number; readonly until: number }>();
  const given = new Set<Ipv4>();
  for (let round = 0; round < 3000; round += 1) {
    const card = pick(cards);
    const words = behind(pick(['ge-1', 'ge-2']), pick(['sw-1', 'sw-2']));
    const id = pick(['', NODE_ID, `\u00ff\0\0\0\u0002${DUID}`, 'text']);
    const options = [
      ...(words.options ?? []),
      ...(id === '' ? [] : ([[OPTION.clientIdentifier, textBytes(id)]] as const)),
    ];
    const own = [...held].find(([, holder]) => holder.card === card)?.[0];
    const isRenewal = own !== undefined && random() < 0.3;
    const said = isRenewal
      ? place.say({ type: 'request', mac: card, ciaddr: own, options: options.slice(1) }, BY_RELAY)
      : join(place, card, { ...words, options });
    const [type, text = ''] = said.split(' ');
    const now = place.clock.now();
    if (type === 'ack') {
      const address = ip(text);
      given.add(address);
      const holder = held.get(address);
      assert.ok(holder === undefined || holder.card === card || holder.until <= now, `${text} in round ${round}`);
      // A client that accepts an offer has given up its former address.
      for (const [other, { card: whose }] of held) if (whose === card) held.delete(other);
      held.set(address, { card, until: now + 600_000 });
    } else if (type === 'nak' && own !== undefined) held.delete(own);
    place.clock.advance(Math.floor(random() * 120_000));
  }
  assert.ok(given.size > EVERY.length, `${given.size} addresses were given`);
});
