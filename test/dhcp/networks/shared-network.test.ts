// Shared networks, as their clients see them: if one is full, the next gives addresses; a lease in any of them is valid.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { ANY, formatIpv4, type Ipv4, type MacAddress, mac, parseNetwork } from '../../../src/ground/address.ts';
import type { ServerDatagram } from '../../conformance/dhcp-datagram.ts';
import { WireRack, type Words } from '../../conformance/wire-rack.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { config, MAC_A, MAC_B, machine, relayedSubnet, subnet } from '../lab.ts';

const TO_RACK = '10.20.0.1';
/** The relay's address on the wire is one of the first network. */
const RELAY: Words = { giaddr: ip('10.30.0.1') };

/** Two networks behind one relay, with three dynamic addresses each. */
const first = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet => ({
  ...relayedSubnet(),
  dynamic: { low: ip('10.30.0.100'), high: ip('10.30.0.102') },
  shared: 'hall',
  ...changes,
});
const second = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet => ({
  ...relayedSubnet(),
  name: 'farther',
  network: parseNetwork('10.31.0.0/24') ?? assert.fail(),
  broadcast: ip('10.31.0.255'),
  router: ip('10.31.0.1'),
  dynamic: { low: ip('10.31.0.100'), high: ip('10.31.0.102') },
  shared: 'hall',
  ...changes,
});
const behindOne = (): Promise<WireRack> => WireRack.start({ config: config(subnet(), first(), second()) });
const stranger = (number: number): MacAddress => mac(0x5254_0070_0000 + number);
const given = (reply: ServerDatagram | undefined): string => formatIpv4(reply?.yiaddr ?? ANY);
const fill = (rack: WireRack, count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, at) => given(rack.lease(stranger(from + at), RELAY, TO_RACK))).sort();

test('if the first network is full the next gives addresses, and if all are full none does', async () => {
  const rack = await behindOne();
  assert.deepEqual(fill(rack, 3), ['10.30.0.100', '10.30.0.101', '10.30.0.102']);
  assert.deepEqual(fill(rack, 3, 3), ['10.31.0.100', '10.31.0.101', '10.31.0.102']);
  assert.equal(rack.ask({ ...RELAY, type: 'discover', mac: MAC_A }, TO_RACK), undefined);
  assert.equal(rack.refused('range-exhausted'), 1);
});

test('without a common name the next network gives nothing, and its addresses are wrong there', async () => {
  const rack = await WireRack.start({ config: config(subnet(), first({ shared: undefined }), second()) });
  fill(rack, 3);
  assert.equal(rack.ask({ ...RELAY, type: 'discover', mac: MAC_A }, TO_RACK), undefined);
  const asked = rack.ask({ ...RELAY, type: 'request', mac: MAC_A, requested: ip('10.31.0.100') }, TO_RACK);
  assert.equal(asked?.type, 'NAK');
});

test('a client’s settings come from the network that holds its address', async () => {
  const rack = await behindOne();
  fill(rack, 3);
  const ack = rack.lease(MAC_A, RELAY, TO_RACK);
  assert.match(given(ack), /^10\.31\./);
  assert.deepEqual(
    [ack?.options.get(3), ack?.options.get(28)],
    [
      [10, 31, 0, 1],
      [10, 31, 0, 255],
    ],
  );
  assert.deepEqual(ack?.to, { kind: 'unicast', address: ip('10.30.0.1'), port: 67 }, 'and goes to the relay');
});

/** The messages that a client with a lease in the second network may send, although its relay names the first. */
const HELD: readonly (readonly [name: string, words: (held: Ipv4) => Words, socket: string, answer: string])[] = [
  ['asks for any address', () => ({ ...RELAY, type: 'discover' }), TO_RACK, 'OFFER'],
  [
    'asks whether it still holds (INIT-REBOOT)',
    (requested) => ({ ...RELAY, type: 'request', requested }),
    TO_RACK,
    'ACK',
  ],
  ['renews at the rack', (ciaddr) => ({ type: 'request', ciaddr }), TO_RACK, 'ACK'],
  ['rebinds through the relay', (ciaddr) => ({ ...RELAY, type: 'request', ciaddr }), TO_RACK, 'ACK'],
];

for (const [name, words, socket, answer] of HELD) {
  test(`a lease in another network of the shared network holds when its client ${name}`, async () => {
    const rack = await behindOne();
    const full = Array.from({ length: 3 }, (_, at) => rack.lease(stranger(at), RELAY, TO_RACK));
    const held = rack.lease(MAC_A, RELAY, TO_RACK)?.yiaddr ?? assert.fail();
    // There is room in the first network again.
    rack.say({ type: 'release', mac: stranger(0), ciaddr: full[0]?.yiaddr ?? ANY, server: RACK }, TO_RACK);
    const reply = rack.ask({ ...words(held), mac: MAC_A }, socket);
    assert.deepEqual([reply?.type, given(reply)], [answer, formatIpv4(held)]);
  });
}

test('an offer of the second network is repeated although the first has room again', async () => {
  const rack = await behindOne();
  const full = Array.from({ length: 3 }, (_, at) => rack.lease(stranger(at), RELAY, TO_RACK));
  const offered = given(rack.ask({ ...RELAY, type: 'discover', mac: MAC_A }, TO_RACK));
  assert.match(offered, /^10\.31\./);
  rack.say({ type: 'release', mac: stranger(0), ciaddr: full[0]?.yiaddr ?? ANY, server: RACK }, TO_RACK);
  assert.equal(given(rack.ask({ ...RELAY, type: 'discover', mac: MAC_A }, TO_RACK)), offered);
});

test('a client that asks for an address of the second network gets it', async () => {
  const rack = await behindOne();
  const offer = rack.ask({ ...RELAY, type: 'discover', mac: MAC_A, requested: ip('10.31.0.101') }, TO_RACK);
  assert.equal(given(offer), '10.31.0.101');
});

test('a fixed address chooses its network, whether the configuration gives it or the region', async () => {
  const reserved = second({ reservations: [{ mac: MAC_A, address: ip('10.31.0.20') }] });
  const rack = await WireRack.start({
    config: config(subnet(), first(), reserved),
    machines: [machine(MAC_B, '10.31.0.30')],
  });
  assert.equal(given(rack.lease(MAC_A, RELAY, TO_RACK)), '10.31.0.20');
  assert.equal(given(rack.lease(MAC_B, RELAY, TO_RACK)), '10.31.0.30');
});

test('a client whose fixed address another client holds for a while keeps its lease', async () => {
  const rack = await behindOne();
  const [holder, lease] = [
    rack.lease(MAC_B, RELAY, TO_RACK),
    rack.lease(MAC_A, { ...RELAY, requested: ip('10.31.0.100') }, TO_RACK),
  ];
  assert.match(given(holder), /^10\.30\./);
  rack.know(machine(MAC_A, given(holder)));
  assert.equal(given(rack.ask({ ...RELAY, type: 'discover', mac: MAC_A }, TO_RACK)), given(lease));
});

test('a client has one address on a shared network: when it gets the fixed one, it gives up the other', async () => {
  const rack = await behindOne();
  const former = rack.lease(MAC_A, RELAY, TO_RACK)?.yiaddr ?? assert.fail();
  rack.know(machine(MAC_A, '10.31.0.30'));
  assert.equal(given(rack.lease(MAC_A, RELAY, TO_RACK)), '10.31.0.30');
  assert.equal(rack.table.find(former)?.state, 'released');
});

test('a client that asks for a former address learns that another one of the shared network is fixed for it', async () => {
  const rack = await behindOne();
  const former = rack.lease(MAC_A, RELAY, TO_RACK)?.yiaddr ?? assert.fail();
  rack.say({ type: 'release', mac: MAC_A, ciaddr: former, server: RACK }, TO_RACK);
  rack.know(machine(MAC_A, '10.31.0.30'));
  assert.equal(rack.ask({ ...RELAY, type: 'request', mac: MAC_A, requested: former }, TO_RACK)?.type, 'NAK');
  assert.equal(rack.refused('fixed-address-differs'), 1);
});

test('a relay on a shared network that the rack serves itself: both ways lead to the same addresses', async () => {
  const lab = subnet({ dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.101') }, shared: 'hall' });
  const rack = await WireRack.start({ config: config(lab, second()) });
  const direct = [rack.lease(stranger(0)), rack.lease(stranger(1))];
  assert.deepEqual(direct.map(given).sort(), ['10.20.0.100', '10.20.0.101']);
  const third = rack.lease(MAC_A);
  assert.match(given(third), /^10\.31\./);
  assert.equal(third?.by, 'eth1');
  assert.deepEqual(third?.options.get(54), [10, 20, 0, 1], 'the rack has no address of its own in that network');
  const same = rack.ask({ giaddr: ip('10.31.0.1'), type: 'discover', mac: MAC_A }, TO_RACK);
  assert.equal(given(same), given(third), 'through the relay it is the same client');
  const other = rack.ask({ giaddr: ip('10.31.0.1'), type: 'discover', mac: stranger(0) }, TO_RACK);
  assert.equal(given(other), given(direct[0]));
});

test('if one range has reached its limit of offers, strangers are offered addresses of the next', async () => {
  const many = { low: ip('10.30.0.100'), high: ip('10.30.0.199') };
  const more = { low: ip('10.31.0.100'), high: ip('10.31.0.199') };
  const rack = await WireRack.start({ config: config(subnet(), first({ dynamic: many }), second({ dynamic: more })) });
  const offers = Array.from({ length: 160 }, (_, at) =>
    given(rack.ask({ ...RELAY, type: 'discover', mac: stranger(at) }, TO_RACK)),
  );
  const inNetwork = (start: string): number => offers.filter((one) => one.startsWith(start)).length;
  assert.deepEqual([inNetwork('10.30.'), inNetwork('10.31.'), inNetwork('0.0.')], [75, 75, 10]);
});

test('a reload joins two networks and separates them again, and no lease is lost', async () => {
  const apart = config(subnet(), first({ shared: undefined }), second({ shared: undefined }));
  const rack = await WireRack.start({ config: apart });
  fill(rack, 3);
  const discover: Words = { ...RELAY, type: 'discover', mac: MAC_A };
  assert.equal(rack.ask(discover, TO_RACK), undefined);
  await rack.server.configure(config(subnet(), first(), second()));
  const held = rack.lease(MAC_A, RELAY, TO_RACK)?.yiaddr ?? assert.fail();
  assert.match(formatIpv4(held), /^10\.31\./);
  await rack.server.configure(apart);
  const renewal = rack.ask({ type: 'request', mac: MAC_A, ciaddr: held }, TO_RACK);
  assert.deepEqual([renewal?.type, given(renewal)], ['ACK', formatIpv4(held)]);
  assert.equal(rack.table.size, 4);
});
