// Which senders are believed about where they are: a relay agent that speaks for itself, one that sends from another of its addresses, and
// a distant host that writes a relay agent's address into giaddr. Sources: RFC 2131 §4.1, §4.4.4, §4.4.5; RFC 3011 §1.1; RFC 3527 §3.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { ANY, type Ipv4Network, mac, parseNetwork } from '../../../src/ground/address.ts';
import { composeEventText } from '../../../src/observe/event-text.ts';
import { WireRack, type WireReply, type Words } from '../../conformance/wire-rack.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { config, MAC_A, MAC_B, relayedSubnet, subnet } from '../lab.ts';

const TO_RACK = '10.20.0.1';
const RELAY = ip('10.30.0.1');
const LEASED = ip('10.20.0.105');
const FOREIGNER = ip('198.51.100.66');

const at = (text: string): Ipv4Network => parseNetwork(text) ?? assert.fail(text);
const RELAY_ALONE = at('10.30.0.1/32');

async function rackWith(changes: Partial<DhcpSubnet> = {}): Promise<WireRack> {
  const rack = await WireRack.start({ config: config(subnet(), { ...relayedSubnet(), ...changes }) });
  assert.equal(rack.lease(MAC_B, { requested: LEASED })?.yiaddr, LEASED);
  rack.events.length = 0;
  return rack;
}

/** Why the rack was silent, once. */
const refusalOf = (rack: WireRack): string =>
  Object.entries(rack.server.counters().refusals).find(([, count]) => count === 1)?.[0] ?? 'silence';

test('a relay agent is believed if it sends from its address, from a source the network names, or from a served network', async () => {
  const rows: readonly (readonly [name: string, changes: Partial<DhcpSubnet>, from: string, isAnswered: boolean])[] = [
    ['the agent itself', {}, '10.30.0.1', true],
    ['its address in a network served here', {}, '10.20.0.254', true],
    ['another host of the network', {}, '10.30.0.77', true],
    ['a distant host that writes the agent’s address', {}, '198.51.100.66', false],
    ['nobody', {}, '0.0.0.0', false],
    ['a client of this rack', {}, '10.20.0.105', false],
    ['a client of this rack that is named', { relaySources: [at('10.20.0.105/32')] }, '10.20.0.105', true],
    ['an address that relays names', { relays: [RELAY_ALONE, at('198.51.100.0/24')] }, '198.51.100.66', true],
    ['an address outside those of relays', { relays: [RELAY_ALONE] }, '198.51.100.66', false],
    ['an address that relay_sources names', { relaySources: [at('198.51.100.66/32')] }, '198.51.100.66', true],
    ['another one', { relaySources: [at('198.51.100.66/32')] }, '198.51.100.67', false],
    ['if some are named, a served network does not count', { relaySources: [] }, '10.20.0.254', false],
    ['the agent itself, whichever are named', { relaySources: [] }, '10.30.0.1', true],
  ];
  for (const [name, changes, from, isAnswered] of rows) {
    const rack = await rackWith(changes);
    const replies = rack.say({ type: 'discover', giaddr: RELAY, from: ip(from) }, TO_RACK);
    assert.equal(replies.length, isAnswered ? 1 : 0, name);
    assert.equal(rack.refused('relay-source-unknown'), isAnswered ? 0 : 1, name);
  }
});

test('a client of this rack is not a relay agent of any network, even if it sends from the giaddr that it writes', async () => {
  const choosing = (network: readonly number[]) => [[82, [5, 4, ...network]]] as const;
  const far = await rackWith();
  far.say({ type: 'discover', mac: MAC_A, giaddr: LEASED, from: LEASED, options: choosing([10, 30, 0, 0]) }, TO_RACK);
  assert.equal(far.refused('relay-source-unknown'), 1);
  const named = await rackWith({ relays: [at('10.20.0.105/32')] });
  const words = { giaddr: LEASED, from: LEASED, options: choosing([10, 30, 0, 0]) };
  assert.equal(named.say({ type: 'discover', mac: MAC_A, ...words }, TO_RACK).length, 1, 'unless the network names it');
  // An interface whose network names further sources, for NAT or access servers, has no other agents than before.
  const wire = await WireRack.start({
    config: config({ ...subnet(), relaySources: [at('198.51.100.9/32')] }, relayedSubnet()),
  });
  const held = wire.lease(MAC_A, { giaddr: RELAY }, TO_RACK)?.yiaddr ?? ANY;
  assert.notEqual(held, ANY);
  for (const from of [held, ip('10.30.0.77')])
    wire.say({ type: 'discover', mac: MAC_B, giaddr: from, from, options: choosing([10, 20, 0, 0]) }, TO_RACK);
  assert.equal(wire.refused('relay-source-unknown'), 2);
});

test('a refusal for its source names source, relay agent and the key that would allow it', async () => {
  const rows: readonly (readonly [Words, reason: string, text: RegExp])[] = [
    [
      { type: 'discover', giaddr: RELAY },
      'relay-source-unknown',
      /relay_sources.*, from 198\.51\.100\.66, through the relay 10\.30\.0\.1/,
    ],
    [{ type: 'discover' }, 'source-unserved', /relay_sources.*, from 198\.51\.100\.66/],
  ];
  for (const [words, reason, text] of rows) {
    const rack = await rackWith();
    rack.say({ ...words, from: FOREIGNER }, TO_RACK);
    const [reported] = rack.events.filter(({ kind }) => kind === 'dhcp.refused');
    assert.equal(reported?.reason, reason);
    assert.match(composeEventText(reported ?? assert.fail()), text);
  }
});

test('without a relay agent, only hosts of a served network or a named source may send to the rack’s own address', async () => {
  const chooses = [[118, [10, 30, 0, 0]]] as const;
  const named = { relaySources: [at('198.51.100.0/24')] };
  const rows: readonly (readonly [name: string, changes: Partial<DhcpSubnet>, words: Words, answer: string])[] = [
    ['a renewal from its address', {}, { type: 'request', mac: MAC_B, ciaddr: LEASED }, 'ACK'],
    // From an address that is not the client's, it may as well be another host in the client's name (RFC 2131 §4.3.2, §4.4.5).
    [
      'one from an address of another network',
      {},
      { type: 'request', mac: MAC_B, ciaddr: LEASED, from: RELAY },
      'sent-from-elsewhere',
    ],
    [
      'one from another address of the shared network',
      {},
      { type: 'request', mac: MAC_B, ciaddr: LEASED, from: ip('10.20.0.2') },
      'sent-from-elsewhere',
    ],
    ['one from elsewhere', {}, { type: 'request', mac: MAC_B, ciaddr: LEASED, from: FOREIGNER }, 'source-unserved'],
    [
      'a free address from elsewhere',
      {},
      { type: 'request', ciaddr: ip('10.20.0.106'), from: FOREIGNER },
      'source-unserved',
    ],
    ['a DISCOVER of a host of the shared network', {}, { type: 'discover', from: ip('10.20.0.2') }, 'OFFER'],
    ['a DISCOVER from elsewhere', {}, { type: 'discover', from: FOREIGNER }, 'source-unserved'],
    ['one that names a network', {}, { type: 'discover', options: chooses, from: FOREIGNER }, 'source-unserved'],
    ['an access server that is named', named, { type: 'discover', options: chooses, from: FOREIGNER }, 'OFFER'],
    ['an INFORM from elsewhere', {}, { type: 'inform', ciaddr: ip('10.20.0.7'), from: FOREIGNER }, 'source-unserved'],
  ];
  for (const [name, changes, words, answer] of rows) {
    const rack = await rackWith(changes);
    const reply = rack.ask(words, TO_RACK);
    assert.equal(reply?.type ?? refusalOf(rack), answer, name);
  }
});

test('a broadcast on the wire is accepted from any source: it does not come from a distant host', async () => {
  const rack = await rackWith();
  assert.equal(rack.ask({ type: 'discover', from: FOREIGNER })?.type, 'OFFER');
  assert.equal(rack.ask({ type: 'request', mac: MAC_B, ciaddr: LEASED, from: FOREIGNER })?.type, 'ACK');
});

test('a distant host takes no address of a range, in the name of a relay agent or otherwise', async () => {
  const ways: readonly (readonly [name: string, words: (index: number) => Words])[] = [
    ['a relay agent’s name', () => ({ giaddr: RELAY })],
    ['a relay agent and a network', () => ({ giaddr: RELAY, options: [[118, [10, 20, 0, 0]]] })],
    ['no relay agent', () => ({})],
    ['an option', () => ({ options: [[118, [10, 30, 0, 0]]] })],
    ['ciaddr', (index) => ({ ciaddr: ip(`10.20.0.${100 + index}`) })],
  ];
  for (const [name, words] of ways) {
    const rack = await WireRack.start({ config: config(subnet({ authoritative: 'yes' }), relayedSubnet()) });
    const taken: (WireReply | undefined)[] = [];
    for (let index = 0; index < 10; index += 1) {
      const who: Words = { ...words(index), mac: mac(0x020000000000 + index), from: FOREIGNER };
      taken.push(rack.ask({ ...who, type: 'discover' }, TO_RACK));
      const wish = who.ciaddr === undefined ? { requested: ip(`10.30.0.${100 + index}`), server: RACK } : {};
      taken.push(rack.ask({ ...who, type: 'request', ...wish }, TO_RACK));
    }
    assert.deepEqual(taken.filter(Boolean), [], name);
    assert.deepEqual(rack.table.all(), [], name);
    assert.equal(rack.server.counters().offers, 0, name);
  }
});

test('a distant host ends no lease in the name of its client, with or without a relay agent', async () => {
  const rack = await rackWith();
  const far = rack.lease(MAC_A, { giaddr: RELAY }, TO_RACK)?.yiaddr ?? ANY;
  const rows: readonly Words[] = [
    { type: 'release', giaddr: RELAY, ciaddr: far },
    { type: 'release', giaddr: ANY, ciaddr: far },
    { type: 'decline', giaddr: RELAY, requested: far },
    { type: 'release', mac: MAC_B, giaddr: RELAY, options: [[118, [10, 20, 0, 0]]], ciaddr: LEASED },
    { type: 'decline', mac: MAC_B, giaddr: RELAY, options: [[118, [10, 20, 0, 0]]], requested: LEASED },
  ];
  for (const words of rows) rack.say({ mac: MAC_A, ...words, server: RACK, from: FOREIGNER }, TO_RACK);
  assert.deepEqual(
    rack.table.all().map(({ state }) => state),
    ['bound', 'bound'],
  );
  rack.say({ type: 'release', mac: MAC_A, giaddr: RELAY, ciaddr: far, server: RACK }, TO_RACK);
  assert.equal(rack.table.find(far)?.state, 'released', 'its relay agent says so');
});

test('a host of one network ends no lease of another one in the name of a relay agent, its own or one there', async () => {
  const rows: readonly (readonly [from: string, giaddr: string, options: NonNullable<Words['options']>])[] = [
    ['10.30.0.50', '10.20.0.77', []],
    ['10.30.0.50', '10.30.0.50', [[118, [10, 20, 0, 0]]]],
    ['10.30.0.50', '10.30.0.50', [[82, [5, 4, 10, 20, 0, 0]]]],
    ['10.30.0.50', '10.20.0.77', [[118, [10, 20, 0, 0]]]],
  ];
  for (const [from, giaddr, options] of rows) {
    const rack = await rackWith();
    const words: Words = { type: 'release', mac: MAC_B, giaddr: ip(giaddr), options, server: RACK, from: ip(from) };
    rack.say({ ...words, ciaddr: LEASED }, TO_RACK);
    rack.say({ ...words, type: 'decline', requested: LEASED }, TO_RACK);
    assert.equal(rack.table.find(LEASED)?.state, 'bound', `${from} as ${giaddr}`);
    assert.equal(rack.refused('relay-source-unknown'), 2);
  }
});

test('a relay agent on an interface of this rack is believed from its shared network, and from elsewhere if the network says so', async () => {
  const shared = { shared: 'hall' };
  const rows: readonly (readonly [name: string, from: string, changes: Partial<DhcpSubnet>, isAnswered: boolean])[] = [
    ['itself', '10.20.0.254', {}, true],
    ['another of its addresses there', '10.20.0.253', {}, true],
    ['an address of a network of the same shared network', '10.30.0.1', shared, true],
    ['one of another network', '10.30.0.1', {}, false],
    ['one that relay_sources names', '10.30.0.1', { relaySources: [at('10.30.0.1/32')] }, true],
    ['one that relays names', '10.30.0.1', { relays: [at('10.20.0.254/32'), RELAY_ALONE] }, true],
  ];
  for (const [name, from, changes, isAnswered] of rows) {
    const far = { ...relayedSubnet(), ...(changes === shared ? shared : {}) };
    const rack = await WireRack.start({ config: config(subnet(changes), far) });
    const replies = rack.say({ type: 'discover', giaddr: ip('10.20.0.254'), from: ip(from) }, TO_RACK);
    assert.equal(replies.length, isAnswered ? 1 : 0, name);
  }
});

/** A second shared network of the rack, with hosts of its own. */
const secondSubnet = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet => ({
  ...relayedSubnet(),
  name: 'second',
  interfaceName: 'eth2',
  serverAddress: ip('10.30.0.2'),
  ...changes,
});
const SECOND_RACK = '10.30.0.2';
/** A host of the second shared network. */
const NEIGHBOUR = ip('10.30.0.50');
const SELECTION = [118, [10, 20, 0, 0]] as const;
const LINK = [82, [5, 4, 10, 20, 0, 0]] as const;

type Row = readonly [name: string, near: Partial<DhcpSubnet>, words: Words, socketName: string, answer: string];

test('without a relay agent, a message is about the shared network it comes from, or comes from a source the network names', async () => {
  const named = { relaySources: [at('10.30.0.50/32')] };
  const asks: Words = { type: 'discover', from: NEIGHBOUR };
  const held: Words = { type: 'request', mac: MAC_B, ciaddr: LEASED };
  const rows: readonly Row[] = [
    ['a broadcast', {}, asks, 'eth2', 'OFFER'],
    [
      'a broadcast that names its own shared network',
      {},
      { ...asks, options: [[118, [10, 30, 0, 0]]] },
      'eth2',
      'OFFER',
    ],
    ['a broadcast by 118', {}, { ...asks, options: [SELECTION] }, 'eth2', 'other-wire'],
    ['a broadcast by 82.5', {}, { ...asks, options: [LINK] }, 'eth2', 'other-wire'],
    ['from no address', {}, { ...asks, options: [SELECTION], from: ANY }, 'eth2', 'other-wire'],
    ['in the name of a client there', {}, { ...asks, options: [SELECTION], from: LEASED }, 'eth2', 'other-wire'],
    ['a named access server', named, { ...asks, options: [SELECTION] }, 'eth2', 'OFFER'],
    ['another host', named, { ...asks, options: [SELECTION], from: ip('10.30.0.51') }, 'eth2', 'other-wire'],
    ['nobody but relay agents', { relaySources: [] }, { ...asks, options: [SELECTION] }, 'eth2', 'other-wire'],
    [
      'a named relay agent elsewhere',
      { relays: [at('10.99.0.1/32')] },
      { ...asks, options: [SELECTION] },
      'eth2',
      'other-wire',
    ],
    [
      'in the name of a source of another shared network',
      { relaySources: [at('10.99.0.1/32')] },
      { ...asks, options: [SELECTION], from: ip('10.99.0.1') },
      'eth2',
      'other-wire',
    ],
    ['to the rack', {}, asks, SECOND_RACK, 'OFFER'],
    ['to the rack’s address on another shared network', {}, asks, TO_RACK, 'other-wire'],
    ['to the rack, by 118', {}, { ...asks, options: [SELECTION] }, SECOND_RACK, 'other-wire'],
    ['to the rack, by 82.5', {}, { ...asks, options: [LINK] }, SECOND_RACK, 'other-wire'],
    ['to the rack, named', named, { ...asks, options: [SELECTION] }, SECOND_RACK, 'OFFER'],
    ['a renewal', {}, held, TO_RACK, 'ACK'],
    ['a renewal at another address of the rack', {}, held, SECOND_RACK, 'ACK'],
    ['a renewal in another’s name', {}, { ...held, from: NEIGHBOUR }, TO_RACK, 'sent-from-elsewhere'],
    ['whatever is named', { relaySources: [] }, { ...held, from: NEIGHBOUR }, TO_RACK, 'sent-from-elsewhere'],
    ['a list of relay agents', { relays: [RELAY_ALONE] }, { ...held, from: NEIGHBOUR }, TO_RACK, 'sent-from-elsewhere'],
    ['a renewal through NAT that is named', named, { ...held, from: NEIGHBOUR }, TO_RACK, 'ACK'],
    ['one that also names its network', {}, { ...held, options: [SELECTION] }, TO_RACK, 'ACK'],
    [
      'its own address, another’s network',
      {},
      { type: 'request', ciaddr: NEIGHBOUR, options: [SELECTION] },
      TO_RACK,
      'other-wire',
    ],
    [
      'settings in another’s name',
      {},
      { type: 'inform', ciaddr: LEASED, from: NEIGHBOUR },
      TO_RACK,
      'sent-from-elsewhere',
    ],
    ['settings', {}, { type: 'inform', ciaddr: ip('10.20.0.7') }, TO_RACK, 'ACK'],
  ];
  for (const [name, near, words, socketName, answer] of rows) {
    const rack = await WireRack.start({ config: config(subnet(near), secondSubnet()) });
    assert.equal(rack.lease(MAC_B, { requested: LEASED })?.yiaddr, LEASED);
    assert.equal(rack.ask(words, socketName)?.type ?? refusalOf(rack), answer, name);
  }
});

test('networks of one interface, or of one name, are a shared network: a message may name any of them', async () => {
  const third = { ...relayedSubnet(), name: 'third', network: at('10.40.0.0/24'), broadcast: ip('10.40.0.255') };
  const further = { dynamic: { low: ip('10.40.0.100'), high: ip('10.40.0.109') }, router: ip('10.40.0.1') };
  const hall = { shared: 'hall' };
  const rows: readonly (readonly [name: string, subnets: readonly DhcpSubnet[], answer: string])[] = [
    [
      'one interface',
      [subnet(), { ...third, ...further, interfaceName: 'eth1', serverAddress: ip('10.40.0.2') }],
      'OFFER OFFER',
    ],
    ['one name', [subnet(hall), { ...third, ...further, ...hall }], 'OFFER OFFER'],
    ['neither', [subnet(), { ...third, ...further }], 'other-wire other-wire'],
    [
      'another interface',
      [subnet(), { ...third, ...further, interfaceName: 'eth2', serverAddress: ip('10.40.0.2') }],
      'other-wire other-wire',
    ],
    ['relayed both, by no name', [subnet(), relayedSubnet(), { ...third, ...further }], 'other-wire other-wire'],
  ];
  for (const [name, subnets, answer] of rows) {
    const said: string[] = [];
    for (const [socketName, from] of [
      ['eth1', '10.20.0.7'],
      [TO_RACK, subnets.length === 3 ? '10.30.0.7' : '10.20.0.7'],
    ] as const) {
      const rack = await WireRack.start({ config: config(...subnets) });
      const words: Words = { type: 'discover', options: [[118, [10, 40, 0, 0]]], from: ip(from) };
      said.push(rack.ask(words, socketName)?.type ?? refusalOf(rack));
    }
    assert.equal(said.join(' '), answer, name);
  }
});

test('a host of one shared network takes, ends and changes nothing on another, with any server there', async () => {
  const addresses = Array.from({ length: 10 }, (_, index) => ip(`10.20.0.${100 + index}`));
  const hostname = [12, Buffer.from('stolen')] as const;
  const ways: readonly (readonly [
    name: string,
    socketName: string,
    words: (address: (typeof addresses)[0]) => Words,
  ])[] = [
    ['a DECLINE by 118', 'eth2', (requested) => ({ type: 'decline', mac: MAC_B, requested, options: [SELECTION] })],
    ['a DECLINE by 82.5', 'eth2', (requested) => ({ type: 'decline', mac: MAC_B, requested, options: [LINK] })],
    [
      'a RELEASE by 118',
      'eth2',
      (ciaddr) => ({ type: 'release', mac: MAC_B, ciaddr, from: ciaddr, options: [SELECTION] }),
    ],
    ['a REQUEST by 118', 'eth2', (requested) => ({ type: 'request', requested, options: [SELECTION] })],
    ['a REQUEST with ciaddr', 'eth2', (ciaddr) => ({ type: 'request', ciaddr, from: NEIGHBOUR })],
    ['the same and 118', 'eth2', (ciaddr) => ({ type: 'request', ciaddr, options: [SELECTION] })],
    ['a renewal', TO_RACK, (ciaddr) => ({ type: 'request', mac: MAC_B, ciaddr, options: [hostname] })],
    ['a renewal as somebody new', TO_RACK, (ciaddr) => ({ type: 'request', ciaddr })],
    ['the same at its own address of the rack', SECOND_RACK, (ciaddr) => ({ type: 'request', ciaddr })],
    ['a REQUEST to the rack', TO_RACK, (requested) => ({ type: 'request', requested })],
    ['the same by 118', SECOND_RACK, (requested) => ({ type: 'request', requested, options: [SELECTION] })],
  ];
  const sites: readonly Partial<DhcpSubnet>[] = [
    { authoritative: 'auto' },
    { authoritative: 'yes' },
    { authoritative: 'no' },
    { authoritative: 'auto', relays: [RELAY_ALONE], relaySources: [] },
  ];
  for (const near of sites) {
    for (const [name, socketName, words] of ways) {
      const rack = await WireRack.start({ config: config(subnet(near), secondSubnet()) });
      assert.equal(rack.lease(MAC_B, { requested: LEASED })?.yiaddr, LEASED);
      const before = rack.table.all();
      addresses.forEach((address, index) => {
        const said: Words = { mac: mac(0x020000000000 + index), from: NEIGHBOUR, ...words(address) };
        rack.say(
          { ...said, ...(said.type === 'request' && said.ciaddr !== undefined ? {} : { server: RACK }) },
          socketName,
        );
      });
      assert.deepEqual(rack.table.all(), before, `${name}, ${near.authoritative}`);
      assert.equal(rack.server.counters().offers, 0, name);
    }
  }
});

test('§4.3.2: a host that moved to another shared network is denied its former address there, and keeps it where it was', async () => {
  const rows: readonly (readonly [name: string, authoritative: 'auto' | 'yes' | 'no', words: Words, answer: string])[] =
    [
      ['INIT-REBOOT', 'yes', { requested: LEASED }, 'NAK'],
      ['INIT-REBOOT', 'auto', { requested: LEASED }, 'NAK'],
      ['INIT-REBOOT', 'no', { requested: LEASED }, 'no-record'],
      ['REBINDING', 'yes', { ciaddr: LEASED }, 'NAK'],
      ['REBINDING', 'auto', { ciaddr: LEASED }, 'no-record'],
    ];
  for (const [name, authoritative, words, answer] of rows) {
    const rack = await WireRack.start({ config: config(subnet(), secondSubnet({ authoritative })) });
    assert.equal(rack.lease(MAC_B, { requested: LEASED })?.yiaddr, LEASED);
    const reply = rack.ask({ type: 'request', mac: MAC_B, ...words }, 'eth2');
    assert.equal(reply?.type ?? refusalOf(rack), answer, `${name}, ${authoritative}`);
    assert.equal(rack.table.find(LEASED)?.state, 'bound');
    assert.equal(rack.ask({ type: 'request', mac: MAC_B, ciaddr: LEASED })?.type, 'ACK', 'REBINDING where it was');
  }
});

test('a client behind a relay agent renews past it, from its own address only', async () => {
  for (const changes of [
    {},
    { relays: [RELAY_ALONE] },
    { relaySources: [] },
  ] satisfies readonly Partial<DhcpSubnet>[]) {
    const rack = await rackWith(changes);
    const far = rack.lease(MAC_A, { giaddr: RELAY }, TO_RACK)?.yiaddr ?? ANY;
    assert.equal(rack.ask({ type: 'request', mac: MAC_A, ciaddr: far }, TO_RACK)?.type, 'ACK');
    for (const from of ['10.30.0.7', '10.20.0.2', '10.20.0.105'])
      assert.equal(rack.ask({ type: 'request', mac: MAC_A, ciaddr: far, from: ip(from) }, TO_RACK), undefined, from);
    assert.equal(rack.refused('sent-from-elsewhere'), 3);
  }
});
