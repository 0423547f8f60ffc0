// Relay agents, by RFC: 1542 (relaying), 3046 (agent information, 82), 3527 (link selection, 82.5), 3011 (subnet selection, 118),
// 5107 (server identifier override, 82.11). Byte for byte on a virtual wire; the table of demands is docs/reference/dhcp-conformance.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../src/dhcp/networks/config.ts';
import { ANY, formatIpv4, parseNetwork } from '../../src/ground/address.ts';
import { config, MAC_A, relayedSubnet, subnet } from '../dhcp/lab.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import type { ServerDatagram, WireOption } from './dhcp-datagram.ts';
import { serverOf, WireRack, type Words } from './wire-rack.ts';

const RELAY = ip('10.30.0.1');
const TO_RACK = '10.20.0.1';
const both = (): ReturnType<typeof config> => config(subnet(), relayedSubnet());
const agent = (...subOptions: readonly (readonly [number, readonly number[]])[]): WireOption => [
  82,
  subOptions.flatMap(([code, value]) => [code, value.length, ...value]),
];
const PORT = agent([1, [...Buffer.from('ge-0/0/7')]], [2, [...Buffer.from('switch-12')]]);
const given = (reply: ServerDatagram | undefined): string => formatIpv4(reply?.yiaddr ?? ANY);

/** The message that asks for each kind of reply, from a client behind the relay. */
const EVERY: readonly (readonly [string, Words])[] = [
  ['OFFER', { type: 'discover' }],
  ['ACK', { type: 'request', requested: ip('10.30.0.105'), server: RACK }],
  ['ACK', { type: 'request', ciaddr: ip('10.30.0.105') }],
  ['ACK', { type: 'inform', ciaddr: ip('10.30.0.9') }],
  ['NAK', { type: 'request', requested: ip('10.99.0.5') }],
];

test('RFC 3046 §2.2: the agent information goes back in every reply, last, whole and byte for byte', async () => {
  const blobs: readonly WireOption[] = [
    PORT,
    agent([1, []]),
    agent([151, [0, 1, 2]], [9, [0, 0, 0, 9, 4, 1, 2, 3, 4]]),
    [82, [1, 200, 3]],
    [82, Array.from({ length: 255 }, (_, index) => index)],
  ];
  for (const blob of blobs) {
    for (const [type, words] of EVERY) {
      const rack = await WireRack.start({ config: both() });
      const reply = rack.ask({ ...words, giaddr: RELAY, options: [blob] }, TO_RACK);
      assert.equal(reply?.type, type);
      const pieces = reply?.pieces.filter(({ place }) => place === 'options') ?? [];
      assert.deepEqual(pieces.at(-1), { place: 'options', code: 82, value: [...blob[1]] });
    }
  }
});

test('RFC 3046 §2.2: agent information for which a reply has no room is left out whole, and an event reports it', async () => {
  const rack = await WireRack.start({ config: both() });
  const part: WireOption = [82, new Array<number>(200).fill(7)];
  const parts = new Array<WireOption>(7).fill(part);
  const offer = rack.ask({ type: 'discover', giaddr: RELAY, options: parts }, TO_RACK);
  assert.equal(offer?.type, 'OFFER');
  assert.equal(offer?.options.has(82), false);
  assert.ok((offer?.bytes.length ?? 0) <= 548);
  assert.deepEqual([...(offer?.options.keys() ?? [])].slice(0, 3), [53, 54, 51]);
  assert.equal(rack.events.at(-1)?.omitted, '82');
});

test('RFC 3046 §2.2: agent information takes no room from the client, because it is removed before the client sees it', async () => {
  const dnsServers = Array.from({ length: 70 }, (_, index) => ip(`192.0.2.${index + 1}`));
  const rack = await WireRack.start({
    config: config(subnet({ dnsServers }), { ...relayedSubnet(), dnsServers }),
  });
  const [circuit, remote] = [agent([1, new Array<number>(240).fill(7)]), agent([2, new Array<number>(32).fill(9)])];
  const longBytes = 240 + 32 + 8;
  const size = (bytes: number): WireOption => [57, [bytes >> 8, bytes & 255]];
  const rows: readonly (readonly [name: string, Words, socketName: string, takes: number])[] = [
    ['through a relay agent', { giaddr: RELAY }, TO_RACK, 548],
    ['added by a switch', {}, 'eth1', 548],
    ['with a size', { giaddr: RELAY, options: [size(828)] }, TO_RACK, 800],
    ['with a whole frame', { giaddr: RELAY, options: [size(1500)] }, TO_RACK, 1472],
  ];
  for (const [name, { options = [], ...words }, socketName, takes] of rows) {
    const plain = rack.ask({ type: 'discover', ...words, options }, socketName);
    const offer = rack.ask({ type: 'discover', ...words, options: [...options, circuit, remote] }, socketName);
    assert.deepEqual(offer?.options.get(82), [...circuit[1], ...remote[1]], name);
    const own = new Map(offer?.options);
    own.delete(82);
    assert.deepEqual(own, plain?.options, name);
    const bytes = offer?.bytes.length ?? 0;
    assert.ok(bytes <= 1472 && bytes - longBytes <= takes, `${name}: ${bytes} bytes`);
  }
});

test('RFC 3046 §2.2: agent information is never in file or sname, even when other options are', async () => {
  const plenty = {
    ...relayedSubnet(),
    dnsServers: Array.from({ length: 60 }, (_, index) => ip(`192.0.2.${index + 1}`)),
    domain: `${'a'.repeat(40)}.example`,
  };
  const rack = await WireRack.start({ config: config(subnet(), plenty) });
  const offer = rack.ask({ type: 'discover', giaddr: RELAY, options: [PORT, [55, [1, 3, 6, 15, 28]]] }, TO_RACK);
  const [piece, ...more] = offer?.pieces.filter(({ code }) => code === 82) ?? [];
  assert.deepEqual([piece?.place, more], ['options', []]);
  assert.ok(offer?.pieces.some(({ place }) => place !== 'options'));
});

test('RFC 3046 §2.2: a relay agent’s option comes back, even in a unicast; without one, none is sent', async () => {
  const rack = await WireRack.start({ config: both() });
  assert.equal(rack.ask({ type: 'discover' })?.options.has(82), false);
  rack.lease(MAC_A, { requested: ip('10.20.0.105') });
  const renewed = rack.ask({ type: 'request', ciaddr: ip('10.20.0.105'), options: [PORT] }, TO_RACK);
  assert.equal(renewed?.type, 'ACK');
  assert.deepEqual(renewed?.options.get(82), PORT[1]);
  assert.equal(rack.ask({ type: 'request', ciaddr: ip('10.20.0.105') }, TO_RACK)?.type, 'ACK', 'nor is it expected');
  const informed = rack.ask({ type: 'inform', ciaddr: ip('10.20.0.105'), options: [PORT] }, TO_RACK);
  assert.deepEqual([informed?.type, informed?.options.get(82)], ['ACK', PORT[1]]);
});

test('RFC 3046 §3.1 and §3.2: the lease keeps circuit id and remote id unchanged', async () => {
  const rack = await WireRack.start({ config: both() });
  rack.lease(
    MAC_A,
    { giaddr: RELAY, options: [agent([1, [0, 4, 0, 20, 255, 7]], [2, [0, 6, 1, 2, 3, 4, 5, 6]])] },
    TO_RACK,
  );
  const [lease] = rack.table.all();
  assert.equal(lease?.circuitId, '\x00\x04\x00\x14\xff\x07');
  assert.equal(lease?.remoteId, '\x00\x06\x01\x02\x03\x04\x05\x06');
});

test('RFC 3046 §2.0: sub-options come in any order, may be empty, and unknown ones are ignored', async () => {
  const rack = await WireRack.start({ config: both() });
  const options = [agent([200, [1, 2]], [2, [65]], [1, []], [5, [10, 30, 0, 0]])];
  assert.match(given(rack.lease(MAC_A, { giaddr: ip('10.20.0.2'), options }, TO_RACK)), /^10\.30\.0\./);
  assert.deepEqual([rack.table.all()[0]?.circuitId, rack.table.all()[0]?.remoteId], [undefined, 'A']);
});

test('RFC 3527 §3: link selection names the network, before giaddr and 118; the reply still goes to giaddr', async () => {
  const rack = await WireRack.start({ config: both() });
  const words: Words = {
    type: 'discover',
    giaddr: ip('10.20.0.2'),
    options: [[118, [10, 20, 0, 0]], agent([5, [10, 30, 0, 77]])],
  };
  const offer = rack.ask(words, TO_RACK);
  assert.match(given(offer), /^10\.30\.0\./);
  assert.deepEqual(offer?.to, { kind: 'unicast', address: ip('10.20.0.2'), port: 67 });
  assert.deepEqual(offer?.options.get(82), words.options?.at(-1)?.[1]);
  assert.deepEqual(offer?.options.get(1), [255, 255, 255, 0]);
  assert.deepEqual(offer?.options.get(3), [10, 30, 0, 1], 'the router of the selected network');
});

test('RFC 3527 §3 and RFC 3011 §2: a selected network that is not served gets no address of another one', async () => {
  const rack = await WireRack.start({ config: both() });
  assert.deepEqual(rack.say({ type: 'discover', giaddr: RELAY, options: [agent([5, [10, 99, 0, 0]])] }, TO_RACK), []);
  assert.deepEqual(rack.say({ type: 'discover', options: [[118, [10, 99, 0, 0]]] }), []);
  assert.equal(rack.refused('network-unknown'), 2);
});

test('RFC 3011 §2: subnet selection names the network before giaddr, and every reply repeats it', async () => {
  const rack = await WireRack.start({ config: both() });
  const options: readonly WireOption[] = [[118, [10, 30, 0, 0]]];
  const offer = rack.ask({ type: 'discover', giaddr: ip('10.20.0.2'), options }, TO_RACK);
  assert.match(given(offer), /^10\.30\.0\./);
  assert.deepEqual(offer?.options.get(118), [10, 30, 0, 0]);
  const ack = rack.lease(MAC_A, { giaddr: ip('10.20.0.2'), options }, TO_RACK);
  assert.deepEqual([ack?.type, ack?.options.get(118)], ['ACK', [10, 30, 0, 0]]);
  for (const [type, words] of EVERY) {
    const each = await WireRack.start({ config: both() });
    const reply = each.ask({ ...words, giaddr: ip('10.20.0.2'), options }, TO_RACK);
    assert.deepEqual([reply?.type, reply?.options.get(118)], [type, [10, 30, 0, 0]]);
  }
  assert.equal(
    rack.ask({ type: 'discover', options: [[55, [118]]] })?.options.has(118),
    false,
    'unasked it does not come',
  );
});

test('RFC 5107 §4: the override is the server identifier of each reply, and names this server in a request', async () => {
  const override = agent([11, [10, 30, 0, 1]]);
  for (const [type, words] of EVERY.filter(([, { server }]) => server === undefined)) {
    const rack = await WireRack.start({ config: both() });
    const reply = rack.ask({ ...words, giaddr: RELAY, options: [override] }, TO_RACK);
    assert.equal(reply?.type, type);
    assert.equal(formatIpv4(serverOf(reply ?? assert.fail())), '10.30.0.1', type);
  }
  const rack = await WireRack.start({ config: both() });
  const ack = rack.lease(MAC_A, { giaddr: RELAY, options: [override] }, TO_RACK);
  assert.equal(ack?.type, 'ACK');
  // The renewal is sent to the relay as its server, which relays it with giaddr.
  const renewal: Words = { type: 'request', giaddr: RELAY, ciaddr: ack?.yiaddr ?? ANY, options: [override] };
  const renewed = rack.ask(renewal, TO_RACK);
  assert.deepEqual([renewed?.type, given(renewed)], ['ACK', given(ack)]);
  assert.deepEqual(renewed?.to, { kind: 'unicast', address: RELAY, port: 67 });
  rack.say({ type: 'release', giaddr: RELAY, ciaddr: ack?.yiaddr ?? ANY, server: RELAY, options: [override] }, TO_RACK);
  assert.equal(rack.table.all()[0]?.state, 'released');
});

test('RFC 5107 §4: an override of a wrong length is ignored', async () => {
  const rack = await WireRack.start({ config: both() });
  const offer = rack.ask({ type: 'discover', giaddr: RELAY, options: [agent([11, [10, 30, 0]])] }, TO_RACK);
  assert.equal(formatIpv4(serverOf(offer ?? assert.fail())), '10.20.0.1');
});

test('RFC 2131 §4.1: only an allowed relay agent is answered, for every network it names', async () => {
  const LISTED = ip('198.51.100.7');
  const chooses = agent([5, [10, 30, 0, 0]]);
  const rows: readonly (readonly [relays: readonly string[] | undefined, giaddr: string, isAnswered: boolean])[] = [
    [undefined, '10.30.0.1', true],
    [undefined, '10.20.0.2', true],
    [undefined, '198.51.100.7', false],
    [undefined, '127.0.0.1', false],
    [undefined, '10.30.0.255', false],
    [undefined, '10.20.0.0', false],
    [undefined, '10.20.0.1', false],
    [['10.20.0.0/24'], '10.20.0.1', false],
    [['10.20.0.0/24'], '10.20.0.2', true],
    [['198.51.100.7/32'], '198.51.100.7', true],
    [['198.51.100.0/24'], '198.51.100.7', true],
    [['198.51.100.0/24'], '10.30.0.1', false],
  ];
  for (const [listed, giaddr, isAnswered] of rows) {
    const relays = listed?.map((text) => parseNetwork(text) ?? assert.fail(text));
    const rack = await WireRack.start({ config: config(subnet(), { ...relayedSubnet(), relays }) });
    for (const options of [[chooses], [[118, [10, 30, 0, 0]]]] satisfies readonly (readonly WireOption[])[]) {
      const replies = rack.say({ type: 'discover', giaddr: ip(giaddr), options }, TO_RACK);
      assert.deepEqual(
        replies.map(({ to }) => to),
        isAnswered ? [{ kind: 'unicast', address: ip(giaddr), port: 67 }] : [],
        `${giaddr} by ${listed?.join() ?? 'no list'}`,
      );
    }
    assert.equal(rack.refused('relay-unknown'), isAnswered ? 0 : 2);
  }
  const rack = await WireRack.start({
    config: config(subnet(), { ...relayedSubnet(), relays: [{ address: LISTED, prefix: 32 }] }),
  });
  assert.equal(
    rack.say({ type: 'discover', giaddr: ip('10.20.0.2') }, TO_RACK).length,
    1,
    'each network has its own list',
  );
});

test('RFC 3011 §2: without a relay agent, a client gets a network of another shared network only if that network lists it', async () => {
  const listed = { relays: [{ address: RELAY, prefix: 32 }] };
  const [near, elsewhere] = [ip('10.20.0.50'), ip('198.51.100.7')];
  const server = { relaySources: [{ address: near, prefix: 32 }] };
  const far = relayedSubnet();
  const second = { ...far, interfaceName: 'eth2', serverAddress: ip('10.30.0.2') };
  const asks: Words = { type: 'discover', from: near };
  const within: Words = { type: 'discover', from: ip('10.30.0.50') };
  const held: Words = { type: 'request', ciaddr: ip('10.30.0.105') };
  const rows: readonly (readonly [name: string, Words, asked: DhcpSubnet, socketName: string, answer: string])[] = [
    ['by broadcast', asks, far, 'eth1', 'other-wire'],
    ['to the rack itself', asks, far, TO_RACK, 'other-wire'],
    ['from nowhere', { ...asks, from: elsewhere }, far, TO_RACK, 'source-unserved'],
    ['an access server, by broadcast', asks, { ...far, ...server }, 'eth1', 'OFFER'],
    ['an access server, to the rack itself', asks, { ...far, ...server }, TO_RACK, 'OFFER'],
    ['an access server alongside relay agents', asks, { ...far, ...listed, ...server }, TO_RACK, 'OFFER'],
    ['a list of relay agents', asks, { ...far, ...listed }, 'eth1', 'other-wire'],
    ['a list of relay agents, to the rack itself', asks, { ...far, ...listed }, TO_RACK, 'other-wire'],
    [
      'an address that was never offered',
      { type: 'request', requested: ip('10.30.0.105'), server: RACK, from: near },
      far,
      'eth1',
      'other-wire',
    ],
    ['another interface', asks, second, 'eth1', 'other-wire'],
    ['its own interface', within, second, 'eth2', 'OFFER'],
    ['its own address of the rack', within, second, '10.30.0.2', 'OFFER'],
    ['its own address of the rack, from another shared network', asks, second, '10.30.0.2', 'other-wire'],
    ['its own shared network', asks, { ...far, ...listed, shared: 'hall' }, 'eth1', 'OFFER'],
    ['its own shared network, to the rack itself', asks, { ...far, ...listed, shared: 'hall' }, TO_RACK, 'OFFER'],
    ['a relay agent that is listed', { type: 'discover', giaddr: RELAY }, { ...far, ...listed }, TO_RACK, 'OFFER'],
    ['a renewal from the network itself', held, { ...far, ...listed }, TO_RACK, 'ACK'],
    [
      'a renewal in the name of its client',
      { ...held, from: near },
      { ...far, ...listed },
      TO_RACK,
      'sent-from-elsewhere',
    ],
  ];
  for (const [name, words, asked, socketName, answer] of rows) {
    for (const names of [[118, [10, 30, 0, 0]], agent([5, [10, 30, 0, 9]])] satisfies readonly WireOption[]) {
      const rack = await WireRack.start({ config: config(subnet({ name: 'near', shared: asked.shared }), asked) });
      const reply = rack.ask({ ...words, options: [names] }, socketName);
      const [refusal] = Object.entries(rack.server.counters().refusals).find(([, count]) => count === 1) ?? [];
      assert.equal(reply?.type ?? refusal, answer, `${name}, by option ${names[0]}`);
    }
  }
});

test('RFC 1542 §5.4: a reply to a relay goes to its giaddr and the server port, from the address that received the request', async () => {
  const rack = await WireRack.start({ config: both() });
  for (const [, words] of EVERY) {
    const reply = rack.ask({ ...words, giaddr: RELAY, hops: 3 }, TO_RACK);
    assert.deepEqual([reply?.to, reply?.by, reply?.hops], [{ kind: 'unicast', address: RELAY, port: 67 }, TO_RACK, 0]);
  }
});
