// RFC 2131 §3, §4.2, §4.3 and §4.4: each exchange of a client, message after message. The table of
// demands is docs/reference/dhcp-conformance.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY, formatIpv4, type Ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import { config, MAC_A, MAC_B, MAC_C, machine, relayedSubnet, settle, subnet } from '../dhcp/lab.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { numberOf, type ServerDatagram, type WireOption } from './dhcp-datagram.ts';
import { serverOf, WireRack, type Words } from './wire-rack.ts';

const RELAY = ip('10.30.0.1');
const OTHER_SERVER = ip('10.20.0.66');
const given = (reply: ServerDatagram | undefined): string => formatIpv4(reply?.yiaddr ?? ANY);
const stranger = (index: number): MacAddress => mac(0x525400aa0000 + index);
/** A network with four dynamic addresses. */
const small = (): ReturnType<typeof config> =>
  config(subnet({ dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.103') } }));

test('§1.6: the disk has a client’s lease as granted, and the client keeps it after a restart', async () => {
  const before = await WireRack.start();
  before.lease(MAC_A, { requested: ip('10.20.0.105'), options: [[61, [1, 2, 3]]] });
  assert.deepEqual([...before.journal.durable.values()], before.table.all());
  const after = await WireRack.start();
  after.table.load(before.journal.durable.values(), after.clock.now());
  const taken = after.ask({ type: 'request', mac: MAC_B, requested: ip('10.20.0.105'), server: RACK });
  assert.equal(taken?.type, 'NAK');
  assert.equal(given(after.ask({ type: 'request', requested: ip('10.20.0.105') })), '10.20.0.105', 'INIT-REBOOT');
});

test('§3.1 step 2: an offered address is offered to no other client until its client had time to request it', async () => {
  const rack = await WireRack.start({ config: small() });
  const first = rack.ask({ type: 'discover', mac: MAC_A, requested: ip('10.20.0.101') });
  assert.equal(given(first), '10.20.0.101');
  const second = rack.ask({ type: 'discover', mac: MAC_B, requested: ip('10.20.0.101') });
  assert.notEqual(given(second), '10.20.0.101');
  const taken = rack.ask({ type: 'request', mac: MAC_B, requested: ip('10.20.0.101'), server: RACK });
  assert.equal(taken?.type, 'NAK', 'nor given to who asks for just that address');
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.101'), server: RACK })?.type, 'ACK');
});

test('§3.1 step 4: an offer that is not taken up is free again after a while', async () => {
  const rack = await WireRack.start({ config: small() });
  assert.equal(given(rack.ask({ type: 'discover', mac: MAC_A, requested: ip('10.20.0.101') })), '10.20.0.101');
  rack.clock.advance(60_000);
  assert.equal(given(rack.ask({ type: 'discover', mac: MAC_B, requested: ip('10.20.0.101') })), '10.20.0.101');
});

test('§3.1 step 4: the ACK agrees with the OFFER, for every kind of client', async () => {
  const kinds: readonly Words[] = [
    {},
    { options: [[55, [1, 3, 6, 15, 28, 42]]] },
    { options: [[60, Buffer.from('PXEClient:Arch:00000:UNDI:002001')]] },
    {
      options: [
        [60, Buffer.from('HTTPClient:Arch:00016:UNDI:003001')],
        [93, [0, 16]],
      ],
    },
    {
      options: [
        [77, Buffer.from('iPXE')],
        [175, [33, 1, 1]],
        [93, [0, 7]],
        [60, Buffer.from('PXEClient:Arch:00007')],
      ],
    },
  ];
  for (const words of kinds) {
    const rack = await WireRack.start({ machines: [machine(MAC_A, '10.20.0.30')] });
    const offer = rack.ask({ ...words, type: 'discover' });
    assert.ok(offer !== undefined);
    const ack = rack.ask({ ...words, type: 'request', requested: offer.yiaddr, server: serverOf(offer) });
    assert.equal(ack?.type, 'ACK');
    assert.equal(given(ack), given(offer));
    assert.deepEqual([ack?.siaddr, ack?.file, ack?.sname], [offer.siaddr, offer.file, offer.sname]);
    const without53 = (reply: ServerDatagram | undefined): unknown =>
      [...(reply?.options ?? [])].filter(([code]) => code !== 53);
    assert.deepEqual(without53(ack), without53(offer));
  }
});

test('§3.1 step 4: an address is probed before it is offered, not when it is requested', async () => {
  const probed: Ipv4[] = [];
  const rack = await WireRack.start({
    findConflict: async (address) => {
      probed.push(address);
      return undefined;
    },
  });
  rack.say({ type: 'discover', requested: ip('10.20.0.105') });
  await settle();
  assert.equal(given(rack.take()[0]), '10.20.0.105');
  const before = probed.length;
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.105'), server: RACK })?.type, 'ACK');
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.105') })?.type, 'ACK', 'INIT-REBOOT');
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.105') })?.type, 'ACK', 'RENEWING');
  await settle();
  assert.equal(probed.length, before);
});

test('§3.1 step 4: a server that is not chosen is silent, and its offered address stays free', async () => {
  const rack = await WireRack.start({ config: small() });
  const offer = rack.ask({ type: 'discover', mac: MAC_A, requested: ip('10.20.0.101') });
  assert.equal(rack.ask({ type: 'request', requested: offer?.yiaddr ?? ANY, server: OTHER_SERVER }), undefined);
  assert.equal(rack.refused('other-server-chosen'), 1);
  assert.equal(rack.table.size, 0);
  const held = rack.lease(MAC_B)?.yiaddr ?? ANY;
  assert.equal(rack.ask({ type: 'request', mac: MAC_B, requested: held, server: OTHER_SERVER }), undefined);
  assert.equal(rack.refused('other-server-chosen'), 2, 'not even the holder of a lease is answered');
});

test('§4.3.2: an address that the client cannot have is denied, and no other is', async () => {
  const rack = await WireRack.start({ config: small(), machines: [machine(MAC_C, '10.20.0.30')] });
  rack.lease(MAC_B, { requested: ip('10.20.0.102') });
  rack.ask({ type: 'discover', mac: MAC_C, requested: ip('10.20.0.103') });
  const select = (address: string, client = MAC_A): string | undefined =>
    rack.ask({ type: 'request', mac: client, requested: ip(address), server: RACK })?.type;
  for (const [address, expected] of [
    ['10.20.0.102', 'NAK'],
    ['10.20.0.30', 'NAK'],
    ['10.20.0.1', 'NAK'],
    ['10.20.0.254', 'NAK'],
    ['10.20.0.255', 'NAK'],
    ['10.20.0.200', 'NAK'],
    ['10.99.0.1', 'NAK'],
    ['0.0.0.0', 'NAK'],
    ['255.255.255.255', 'NAK'],
    ['10.20.0.101', 'ACK'],
  ] as const) {
    assert.equal(select(address), expected, address);
  }
  assert.equal(select('10.20.0.30', MAC_C), 'ACK');
});

test('§4.3.2, INIT-REBOOT: a wrong network is denied, an unknown client is left alone, a known one is answered', async () => {
  const rack = await WireRack.start({ config: config(subnet(), relayedSubnet()) });
  const reboot = (address: string, more: Words = {}, socket = 'eth1'): string | undefined =>
    rack.ask({ type: 'request', requested: ip(address), ...more }, socket)?.type;
  assert.equal(reboot('10.99.0.5'), 'NAK');
  assert.equal(reboot('10.20.0.105', { giaddr: RELAY }, '10.20.0.1'), 'NAK', 'giaddr tells the network');
  assert.equal(reboot('10.20.0.105'), undefined);
  assert.equal(rack.refused('no-record'), 1);
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  assert.equal(reboot('10.20.0.105'), 'ACK');
  rack.lease(MAC_B, { requested: ip('10.20.0.106') });
  assert.equal(reboot('10.20.0.106'), 'NAK', 'it is another’s');
  assert.equal(reboot('10.20.0.106', { mac: MAC_C }), undefined, 'it is another’s, but nothing is known of who asks');
});

test('§4.3.2, INIT-REBOOT: a running lease is not denied when another address is fixed, but an address it no longer holds is', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  rack.know(machine(MAC_A, '10.20.0.30'));
  const reboot = (): string | undefined => rack.ask({ type: 'request', requested: ip('10.20.0.105') })?.type;
  assert.equal(reboot(), 'ACK');
  assert.equal(given(rack.lease(MAC_A)), '10.20.0.30', 'firmware begins with DISCOVER');
  assert.equal(reboot(), 'NAK', 'the system asks for what it had before');
  assert.equal(given(rack.lease(MAC_A)), '10.20.0.30');
});

test('§3.2: a lease that has ended and belongs to another server’s range is not denied', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  rack.clock.advance(7200_000);
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.200') }), undefined);
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.200') }), undefined);
});

test('§4.3.2, RENEWING and REBINDING: the lease runs its full time again, and the answer goes to ciaddr', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  for (const [socket, flags] of [
    ['10.20.0.1', 0],
    ['10.20.0.1', 0x8000],
    ['eth1', 0],
    ['eth1', 0x8000],
  ] as const) {
    rack.clock.advance(300_000);
    const ack = rack.ask({ type: 'request', ciaddr: ip('10.20.0.105'), flags }, socket);
    assert.deepEqual([ack?.type, given(ack)], ['ACK', '10.20.0.105']);
    assert.deepEqual(ack?.to, { kind: 'unicast', address: ip('10.20.0.105'), port: 68 });
    assert.equal(numberOf(ack ?? assert.fail(), 51), 600);
    assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.105') }, socket)?.type, 'ACK', 'again, at once');
  }
  rack.clock.advance(599_000);
  assert.deepEqual(
    rack.events.filter(({ kind }) => kind === 'dhcp.expired'),
    [],
  );
});

test('§4.3.2, REBINDING: a ciaddr that is not the client’s is not extended', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_B, { requested: ip('10.20.0.105') });
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.105') })?.type, 'NAK');
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.99.0.5') }), undefined);
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.200') }), undefined);
  assert.equal(rack.table.find(ip('10.20.0.105'))?.mac, MAC_B);
});

test('§4.3.3: a declined address goes to no client for a while, and an event reports it', async () => {
  const rack = await WireRack.start({ config: small() });
  const ack = rack.lease(MAC_A, { requested: ip('10.20.0.101') });
  rack.say({ type: 'decline', requested: ack?.yiaddr ?? ANY, server: RACK });
  assert.equal(rack.events.at(-1)?.kind, 'dhcp.decline');
  assert.equal(rack.events.at(-1)?.address, ip('10.20.0.101'));
  for (let index = 0; index < 3; index += 1) {
    assert.notEqual(given(rack.lease(stranger(index), { requested: ip('10.20.0.101') })), '10.20.0.101');
  }
  assert.equal(rack.ask({ type: 'discover', mac: stranger(9) }), undefined, 'not even when all others are taken');
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.101'), server: RACK })?.type, 'NAK');
});

test('§4.3.3: a declined address that was only offered goes to no client for a while, either', async () => {
  const rack = await WireRack.start({ config: small() });
  const offer = rack.ask({ type: 'discover', requested: ip('10.20.0.101') });
  assert.equal(given(offer), '10.20.0.101');
  rack.say({ type: 'decline', requested: ip('10.20.0.101'), server: RACK });
  assert.equal(rack.events.at(-1)?.kind, 'dhcp.decline');
  assert.equal(rack.events.at(-1)?.address, ip('10.20.0.101'));
  const other = rack.ask({ type: 'discover', requested: ip('10.20.0.101') });
  assert.notEqual(given(other), '10.20.0.101', 'its client is offered another one');
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.101'), server: RACK })?.type, 'NAK');
  assert.notEqual(given(rack.lease(MAC_B, { requested: ip('10.20.0.101') })), '10.20.0.101');
  assert.equal(rack.journal.durable.get(ip('10.20.0.101'))?.state, 'declined', 'even after a restart');
});

test('§4.3.4: a released address is free, and remembered for its client', async () => {
  const rack = await WireRack.start({ config: small() });
  rack.lease(MAC_A, { requested: ip('10.20.0.101') });
  assert.deepEqual(rack.say({ type: 'release', ciaddr: ip('10.20.0.101'), server: RACK }, '10.20.0.1'), []);
  assert.equal(given(rack.ask({ type: 'discover', mac: MAC_A })), '10.20.0.101');
  rack.clock.advance(60_000);
  assert.equal(given(rack.lease(MAC_B, { requested: ip('10.20.0.101') })), '10.20.0.101', 'another may ask for it');
});

test('§4.3.4: no client releases or declines an address of another', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  rack.say({ type: 'release', mac: MAC_B, ciaddr: ip('10.20.0.105'), server: RACK });
  rack.say({ type: 'decline', mac: MAC_B, requested: ip('10.20.0.105'), server: RACK });
  assert.equal(rack.refused('not-the-holder'), 2);
  assert.equal(rack.table.find(ip('10.20.0.105'))?.state, 'bound');
});

test('§4.3.5: an INFORM gets settings without address, lease time or record, even if another client has the address', async () => {
  const rack = await WireRack.start();
  rack.lease(MAC_B, { requested: ip('10.20.0.105') });
  rack.lease(MAC_A, { requested: ip('10.20.0.106') });
  const before = rack.table.all();
  for (const address of ['10.20.0.7', '10.20.0.105', '10.20.0.50', '10.20.0.106']) {
    const ack = rack.ask({ type: 'inform', ciaddr: ip(address), options: [[55, [1, 3, 6]]] });
    assert.deepEqual([ack?.type, ack?.yiaddr, ack?.ciaddr], ['ACK', ANY, ip(address)]);
    assert.deepEqual([...(ack?.options.keys() ?? [])], [53, 54, 1, 3, 6]);
    assert.deepEqual(ack?.to, { kind: 'unicast', address: ip(address), port: 68 });
  }
  assert.deepEqual(rack.table.all(), before);
});

test('§3.4: an INFORM for an address of another network is refused, so no remote host gets an answer', async () => {
  const rack = await WireRack.start();
  for (const socket of ['eth1', '10.20.0.1']) {
    assert.deepEqual(rack.say({ type: 'inform', ciaddr: ip('192.0.2.9') }, socket), []);
  }
  assert.equal(rack.refused('wrong-network') + rack.refused('network-unknown'), 2);
});

test('§4.3.5: an INFORM with an address that no client can have is refused, so no answer goes to every host of a network or to the rack itself', async () => {
  const rack = await WireRack.start();
  const impossible = ['10.20.0.0', '10.20.0.255', '10.20.0.1'];
  for (const address of impossible) {
    for (const socket of ['eth1', '10.20.0.1']) {
      assert.deepEqual(rack.say({ type: 'inform', ciaddr: ip(address) }, socket), [], address);
    }
  }
  assert.equal(rack.refused('client-address-impossible'), 2 * impossible.length);
});

test('§4.2: a hardware address that belongs to no single host is refused, even where identifiers distinguish clients', async () => {
  const identifier: WireOption = [61, [...Buffer.from('printer')]];
  for (const identity of ['mac', 'client-id'] as const) {
    for (const mac of ['00:00:00:00:00:00', '01:80:c2:00:00:00', '33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff'].map(hw)) {
      const rack = await WireRack.start({ config: config(subnet({ identity })) });
      const asked: readonly Words[] = [
        { type: 'discover' },
        { type: 'request', requested: ip('10.20.0.105'), server: RACK },
        { type: 'request', ciaddr: ip('10.20.0.105') },
        { type: 'inform', ciaddr: ip('10.20.0.7') },
      ];
      for (const words of asked) assert.deepEqual(rack.say({ ...words, mac, options: [identifier] }), []);
      assert.equal(rack.refused('hardware-unsupported'), asked.length);
      assert.deepEqual([rack.table.all(), rack.server.counters().offers], [[], 0]);
      const own = rack.lease(MAC_A, { options: [identifier] });
      assert.equal(own?.type, 'ACK', 'the same identifier with a proper address is served');
    }
  }
});

test('§4.2: a client is identified by its hardware address, with any identifier', async () => {
  const rack = await WireRack.start();
  const first = rack.lease(MAC_A);
  for (const identifier of [
    [1, 82, 84, 0, 0, 0, 10],
    [255, 1, 2, 3, 4, 5, 6],
    [0, ...Buffer.from('host')],
  ]) {
    const ack = rack.lease(MAC_A, { options: [[61, identifier]] });
    assert.equal(given(ack), given(first));
    assert.deepEqual(ack?.options.get(61), identifier, 'RFC 6842: it is echoed');
  }
  const other = rack.lease(MAC_B, { options: [[61, [1, 82, 84, 0, 0, 0, 10]]] });
  assert.notEqual(given(other), given(first));
});

test('§4.3.1: a parameter requested twice comes once, and an unconfigured one does not come', async () => {
  const rack = await WireRack.start({ config: config(subnet({ router: undefined, ntpServers: [] })) });
  const offer = rack.ask({ type: 'discover', options: [[55, [6, 6, 1, 15, 6, 42, 3, 200, 19, 23, 53, 54]]] });
  const codes = offer?.pieces.map(({ code }) => code) ?? [];
  assert.equal(new Set(codes).size, codes.length);
  for (const absent of [3, 42, 200, 19, 23]) assert.equal(codes.includes(absent), false, `option ${absent}`);
});

test('§4.3.1: the address comes from the network of giaddr, or of the interface', async () => {
  const rack = await WireRack.start({ config: config(subnet(), relayedSubnet()) });
  assert.match(given(rack.ask({ type: 'discover' })), /^10\.20\.0\.10\d$/);
  assert.match(given(rack.ask({ type: 'discover', giaddr: RELAY }, '10.20.0.1')), /^10\.30\.0\.10\d$/);
  assert.equal(rack.ask({ type: 'discover', giaddr: ip('10.99.0.1') }, '10.20.0.1'), undefined);
  assert.equal(rack.refused('network-unknown'), 1);
});

test('§4.3.1: an event reports that no address is left', async () => {
  const rack = await WireRack.start({ config: small() });
  for (let index = 0; index < 4; index += 1) assert.equal(rack.lease(stranger(index))?.type, 'ACK');
  assert.equal(rack.ask({ type: 'discover', mac: stranger(9) }), undefined);
  assert.equal(rack.refused('range-exhausted'), 1);
  const reported = rack.events.filter(({ kind, reason }) => kind === 'dhcp.refused' && reason === 'range-exhausted');
  assert.equal(reported.length, 1);
});

test('§2.2: the address whose lease ended longest ago goes to another client first', async () => {
  const rack = await WireRack.start({ config: small() });
  const first = given(rack.lease(stranger(0)));
  rack.clock.advance(10_000);
  for (let index = 1; index < 4; index += 1) rack.lease(stranger(index));
  rack.clock.advance(700_000);
  assert.equal(given(rack.ask({ type: 'discover', mac: hw('52:54:00:00:00:0e') })), first);
});

test('§2.2: an address whose lease has ended is probed before it goes to another client', async () => {
  const probed: Ipv4[] = [];
  const rack = await WireRack.start({
    findConflict: async (address) => {
      probed.push(address);
      return undefined;
    },
  });
  const offered = async (mac: MacAddress): Promise<string> => {
    rack.say({ type: 'discover', mac, requested: ip('10.20.0.105') });
    await settle();
    return given(rack.take()[0]);
  };
  assert.equal(await offered(MAC_A), '10.20.0.105');
  assert.equal(rack.ask({ type: 'request', requested: ip('10.20.0.105'), server: RACK })?.type, 'ACK');
  rack.clock.advance(7200_000);
  probed.length = 0;
  assert.equal(await offered(MAC_B), '10.20.0.105');
  assert.deepEqual(probed, [ip('10.20.0.105')]);
});

test('RFC 1542 §3.4 and RFC 951: a BOOTP request gets no answer and a named refusal', async () => {
  const rack = await WireRack.start();
  assert.deepEqual(rack.say({ options: [] }), []);
  assert.deepEqual(rack.say({ options: [[12, Buffer.from('old')]] }), []);
  // RFC 951 alone: no magic cookie, and vendor data in place of the options.
  const bare = new Uint8Array(300);
  bare.set([1, 1, 6]);
  bare.set([0x52, 0x54, 0, 0, 0, 1], 28);
  bare.set([67, 77, 85, 1, 53, 200], 236);
  assert.deepEqual(rack.hand(bare), []);
  assert.equal(rack.refused('bootp-unsupported'), 3);
  assert.equal(rack.server.counters().messages.malformed, 0);
  const { kind, mac, reason } = rack.events.at(-1) ?? assert.fail('no event');
  assert.deepEqual([kind, mac, reason], ['dhcp.refused', hw('52:54:00:00:00:01'), 'bootp-unsupported']);
});

test('§4.3: messages of servers, and messages of unknown types, get no answer', async () => {
  const rack = await WireRack.start();
  assert.deepEqual(rack.say({ op: 2, type: 'offer' }), []);
  assert.deepEqual(rack.say({ op: 2, type: 'discover' }), []);
  for (const type of [0, 2, 5, 6, 9, 10, 13, 255])
    assert.deepEqual(rack.say({ options: [[53, [type]]] }), [], `${type}`);
  for (const value of [[], [1, 0], [0, 1]]) assert.deepEqual(rack.say({ options: [[53, value]] }), [], `${value}`);
  assert.equal(rack.refused('not-a-request'), 2);
  assert.equal(rack.refused('message-type-unknown'), 8 + 3);
});
