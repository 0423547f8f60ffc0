// RFC 2131 §2, §3 and §4.1: how messages are built, read and addressed, byte for byte. The table of demands is docs/reference/dhcp-conformance.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY, formatIpv4 } from '../../src/ground/address.ts';
import { seconds } from '../../src/ground/clock.ts';
import { config, MAC_A, MAC_B, machine, relayedSubnet, subnet } from '../dhcp/lab.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { FIXED_BYTES, numberOf, type WireOption } from './dhcp-datagram.ts';
import { chaddrOf, datagramOf, serverOf, WireRack, type WireReply, type Words } from './wire-rack.ts';

const RELAY = ip('10.30.0.1');
const relayed = (): ReturnType<typeof config> => config(subnet(), relayedSubnet());

/** One reply of each kind, on the wire and through a relay, to the message next to it. */
async function everyReply(): Promise<readonly (readonly [name: string, reply: WireReply, words: Words])[]> {
  const found: (readonly [string, WireReply, Words])[] = [];
  const head = { xid: 0x5eed_0001, flags: 0x8000, secs: 7, hops: 0, file: 'wanted.img', sname: 'some-server' };
  const identity: WireOption = [61, [0, 1, 2, 3]];
  const time: WireOption = [51, [0, 0, 1, 44]];
  const base: Words = {
    ...head,
    options: [[55, [1, 3, 6, 15, 28, 51, 54, 58, 59, 57, 50, 55]], [57, [5, 220]], identity, time],
  };
  for (const [place, more] of [
    ['on the wire', {}],
    ['through a relay', { giaddr: RELAY, hops: 1, options: [...(base.options ?? []), [82, [1, 1, 7]] as const] }],
  ] as const) {
    const own = ip(place === 'on the wire' ? '10.20.0.105' : '10.30.0.105');
    for (const [name, words] of [
      ['OFFER', { type: 'discover' }],
      ['OFFER to a client with an address', { type: 'discover', ciaddr: own }],
      ['OFFER to boot firmware', { type: 'discover', options: [[60, Buffer.from('PXEClient:Arch:00000')]] }],
      ['ACK', { type: 'request', requested: own, server: RACK }],
      ['ACK to a renewal', { type: 'request', ciaddr: own }],
      ['ACK to an INFORM', { type: 'inform', ciaddr: ip(place === 'on the wire' ? '10.20.0.7' : '10.30.0.7') }],
      ['NAK', { type: 'request', requested: ip('10.99.0.1') }],
      ['NAK to a client with an address', { type: 'request', requested: ip('10.99.0.1'), server: RACK, ciaddr: own }],
    ] as const satisfies readonly (readonly [string, Words])[]) {
      const { options: extra = [], ...rest }: Words = words;
      const { options: common = [], ...fields }: Words = { ...base, ...more };
      const all: Words = { ...fields, ...rest, options: [...extra, ...common] };
      const rack = await WireRack.start({ config: relayed() });
      const reply = rack.ask(all, place === 'on the wire' ? 'eth1' : '10.20.0.1');
      assert.ok(reply !== undefined, `${name} ${place}`);
      assert.match(name, new RegExp(`^${reply.type}`));
      found.push([`${name} ${place}`, reply, all]);
    }
  }
  return found;
}

test('§3: each reply is a BOOTREPLY with the magic cookie and one message type', async () => {
  for (const [name, reply] of await everyReply()) {
    assert.equal(reply.op, 2, name);
    assert.equal(reply.pieces.filter(({ code }) => code === 53).length, 1, name);
    assert.equal(reply.options.get(53)?.length, 1, name);
    assert.ok(['OFFER', 'ACK', 'NAK'].includes(reply.type), name);
  }
});

test('§4.1: options end with END, PAD follows, and nothing comes twice', async () => {
  // That END and PAD are where they must be is asserted by the reader of each reply.
  for (const [name, reply] of await everyReply()) {
    const codes = reply.pieces.map(({ code }) => code);
    assert.equal(new Set(codes).size, codes.length, `${name}: ${codes}`);
    assert.ok(reply.bytes.includes(255, FIXED_BYTES), name);
  }
});

test('table 3: the fields of a reply are those of its request, or zero', async () => {
  for (const [name, reply, words] of await everyReply()) {
    assert.deepEqual([reply.htype, reply.hlen, reply.hops, reply.secs], [1, 6, 0, 0], name);
    assert.equal(reply.xid, words.xid, name);
    assert.equal(reply.giaddr, words.giaddr ?? ANY, name);
    assert.deepEqual(reply.chaddr, chaddrOf(MAC_A), name);
    assert.equal(reply.flags & 0x8000, 0x8000, name);
    assert.equal(reply.ciaddr, reply.type === 'ACK' ? (words.ciaddr ?? ANY) : ANY, name);
    const gives = reply.type !== 'NAK' && words.type !== 'inform';
    assert.equal(reply.yiaddr !== ANY, gives, name);
    assert.deepEqual(
      [reply.sname, reply.file],
      ['', words.options?.some(([code]) => code === 60) ? 'bios.bin' : ''],
      name,
    );
    if (reply.type === 'NAK') {
      assert.equal(reply.siaddr, ANY, name);
      assert.ok(
        reply.pieces.every(({ place }) => place === 'options'),
        name,
      );
    }
  }
});

test('table 3: no reply carries options of requests, and a NAK carries only its reason', async () => {
  for (const [name, reply, words] of await everyReply()) {
    for (const code of [50, 55, 57]) assert.equal(reply.options.has(code), false, `${name}: option ${code}`);
    assert.deepEqual(reply.options.get(54), [10, 20, 0, 1], name);
    const hasLease = reply.type !== 'NAK' && words.type !== 'inform';
    for (const code of [51, 58, 59]) assert.equal(reply.options.has(code), hasLease, `${name}: option ${code}`);
    assert.equal(reply.options.has(56), reply.type === 'NAK', `${name}: option 56`);
    if (reply.type !== 'NAK') continue;
    // RFC 6842 and RFC 3046 came later: the client identifier and the agent information go back in a NAK, too.
    const expected = words.giaddr === undefined ? [53, 54, 61, 56] : [53, 54, 61, 56, 82];
    assert.deepEqual([...reply.options.keys()], expected, name);
    assert.ok((reply.options.get(56)?.length ?? 0) > 10, 'the message says why');
  }
});

test('table 3: a NAK puts no option into file or sname, even if it has little room', async () => {
  const rack = await WireRack.start();
  const options: readonly WireOption[] = [
    [61, new Array<number>(240).fill(9)],
    [118, [10, 20, 0, 0]],
  ];
  const nak = rack.ask({ type: 'request', requested: ip('10.99.0.1'), options });
  assert.deepEqual([...(nak?.options.keys() ?? [])], [53, 54, 118, 61]);
  assert.ok(nak?.pieces.every(({ place }) => place === 'options'));
  assert.equal(rack.events.at(-1)?.omitted, '56');
  const fields = { file: 'wanted.img', sname: 'some-server' };
  const plain = rack.ask({ type: 'request', requested: ip('10.99.0.1'), ...fields });
  assert.deepEqual([plain?.type, plain?.file, plain?.sname], ['NAK', '', ''], 'nor the texts of the request');
});

test('§2: only the first bit of the flags is read', async () => {
  const rack = await WireRack.start();
  for (const [flags, kind] of [
    [0x0000, 'hardware'],
    [0x7fff, 'hardware'],
    [0x8000, 'broadcast'],
    [0xffff, 'broadcast'],
  ] as const) {
    for (const words of [
      { type: 'discover' },
      { type: 'request', requested: ip('10.20.0.105'), server: RACK },
    ] as const satisfies readonly Words[]) {
      const reply = rack.ask({ ...words, flags });
      assert.equal(reply?.to.kind, kind, `${words.type} ${flags.toString(16)}`);
      assert.equal(reply?.flags, flags, 'table 3: the flags of the request');
    }
  }
});

test('§2: a client must accept 576 bytes of IP, and a reply is no longer unless the client allows it', async () => {
  const plenty = config(
    subnet({
      dnsServers: Array.from({ length: 60 }, (_, index) => ip(`192.0.2.${index + 1}`)),
      ntpServers: Array.from({ length: 60 }, (_, index) => ip(`198.51.100.${index + 1}`)),
    }),
  );
  const rack = await WireRack.start({ config: plenty });
  const asks: WireOption = [55, [1, 3, 6, 42, 15]];
  for (const [said, limit] of [
    [undefined, 548],
    [200, 548],
    [576, 548],
    [800, 772],
    [1500, 1472],
    [65_535, 1472],
  ] as const) {
    const size: WireOption[] = said === undefined ? [] : [[57, [said >> 8, said & 255]]];
    for (const words of [
      { type: 'discover' },
      { type: 'request', ciaddr: ip('10.20.0.105') },
      { type: 'inform', ciaddr: ip('10.20.0.105') },
    ] as const satisfies readonly Words[]) {
      const reply = rack.ask({ ...words, options: [asks, ...size] });
      assert.ok(reply !== undefined && reply.bytes.length <= limit, `${words.type} ${said}: ${reply?.bytes.length}`);
      if (said !== undefined && said >= 800) assert.equal(reply.options.get(42)?.length, 240, `${words.type} ${said}`);
    }
  }
});

test('§4.1: option 52 announces options in sname and file, where each lies whole', async () => {
  const plenty = config(
    subnet({
      dnsServers: Array.from({ length: 60 }, (_, index) => ip(`192.0.2.${index + 1}`)),
      ntpServers: Array.from({ length: 25 }, (_, index) => ip(`198.51.100.${index + 1}`)),
      domain: `${'a'.repeat(40)}.example`,
    }),
  );
  const rack = await WireRack.start({ config: plenty });
  const reply = rack.ask({ type: 'discover', options: [[55, [1, 3, 6, 42, 15, 28]]] });
  assert.ok(reply !== undefined);
  const used = reply.pieces.find(({ code }) => code === 52);
  assert.equal(used?.place, 'options');
  const places = new Set(reply.pieces.map(({ place }) => place));
  assert.equal(used?.value[0], (places.has('file') ? 1 : 0) | (places.has('sname') ? 2 : 0));
  assert.ok(places.size > 1, 'the test makes it overflow');
  assert.equal(reply.options.get(6)?.length, 240);
  assert.equal(reply.options.get(42)?.length, 100);
  for (const code of [53, 54, 51]) {
    assert.ok(
      reply.pieces.some((piece) => piece.code === code && piece.place === 'options'),
      `option ${code} is in the option field, where a client looks first`,
    );
  }
  const fewer = rack.ask({ type: 'discover', options: [[55, [1, 3, 6, 42]]] });
  assert.deepEqual(fewer?.pieces.find(({ code }) => code === 52)?.value, [1], 'in file alone');
  assert.equal(fewer?.options.get(42)?.length, 100);
});

test('§4.1: options of a request are read from the option field, then from file, then from sname', async () => {
  const rack = await WireRack.start();
  const wish = [10, 20, 0, 107];
  const everywhere = rack.ask({
    options: [
      [52, [3]],
      [53, [1]],
    ],
    file: [[50, wish]],
    sname: [[55, [28, 15]]],
  });
  assert.equal(formatIpv4(everywhere?.yiaddr ?? ANY), '10.20.0.107');
  const asked = [...(everywhere?.options.keys() ?? [])].filter((code) => code === 28 || code === 15);
  assert.deepEqual(asked, [28, 15]);
  const torn = rack.ask({
    mac: MAC_B,
    options: [
      [52, [3]],
      [53, [1]],
      [50, wish.slice(0, 1)],
    ],
    file: [[50, wish.slice(1, 3)]],
    sname: [[50, [108]]],
  });
  assert.equal(formatIpv4(torn?.yiaddr ?? ANY), '10.20.0.108', 'an option in three pieces is one');
  for (const [overload, last] of [
    [1, 103],
    [2, 104],
  ] as const) {
    const one = await WireRack.start();
    const offer = one.ask({
      options: [
        [52, [overload]],
        [53, [1]],
      ],
      file: [[50, [10, 20, 0, 103]]],
      sname: [[50, [10, 20, 0, 104]]],
    });
    assert.equal(formatIpv4(offer?.yiaddr ?? ANY), `10.20.0.${last}`, `option 52 is ${overload}`);
  }
  const unannounced = rack.ask({ mac: hw('52:54:00:00:00:0d'), options: [[53, [1]]], file: [[50, [10, 20, 0, 103]]] });
  assert.notEqual(formatIpv4(unannounced?.yiaddr ?? ANY), '10.20.0.103', 'without option 52 the field is a file name');
});

test('§4.1: a padded request, or one without END, is understood', async () => {
  const rack = await WireRack.start();
  const padded = rack.ask({
    options: [
      [0, []],
      [0, []],
      [53, [1]],
      [0, []],
      [50, [10, 20, 0, 104]],
    ],
  });
  assert.equal(formatIpv4(padded?.yiaddr ?? ANY), '10.20.0.104');
  const [endless] = rack.hand(datagramOf({ type: 'discover', mac: MAC_B }).subarray(0, -1));
  assert.equal(endless?.type, 'OFFER');
});

test('§4.1: giaddr, ciaddr, broadcast flag and kind decide where a reply goes', async () => {
  const wrong = ip('10.99.0.5');
  const mine = ip('10.20.0.105');
  const far = ip('10.30.0.105');
  const cases: readonly (readonly [string, Words, string])[] = [
    ['a relay', { type: 'discover', giaddr: RELAY }, 'unicast 10.30.0.1:67'],
    ['a relay, flag set', { type: 'discover', giaddr: RELAY, flags: 0x8000 }, 'unicast 10.30.0.1:67'],
    ['a relay, ciaddr', { type: 'request', giaddr: RELAY, ciaddr: far }, 'unicast 10.30.0.1:67'],
    ['a relay, NAK', { type: 'request', giaddr: RELAY, requested: wrong }, 'unicast 10.30.0.1:67'],
    ['ciaddr', { type: 'request', ciaddr: mine }, 'unicast 10.20.0.105:68'],
    ['ciaddr, flag set', { type: 'request', ciaddr: mine, flags: 0x8000 }, 'unicast 10.20.0.105:68'],
    ['flag set', { type: 'request', requested: mine, server: RACK, flags: 0x8000 }, 'broadcast :68'],
    ['nothing', { type: 'request', requested: mine, server: RACK }, `hardware 10.20.0.105:68 ${MAC_A}`],
    [
      'a ciaddr of elsewhere, which is forged or stale',
      { type: 'discover', requested: mine, ciaddr: ip('192.0.2.9') },
      `hardware 10.20.0.105:68 ${MAC_A}`,
    ],
    ['NAK', { type: 'request', requested: wrong }, 'broadcast :68'],
    ['NAK, flag clear, ciaddr', { type: 'request', requested: wrong, server: RACK, ciaddr: mine }, 'broadcast :68'],
    ['INFORM', { type: 'inform', ciaddr: ip('10.20.0.7'), flags: 0x8000 }, 'unicast 10.20.0.7:68'],
    ['a relay, INFORM', { type: 'inform', ciaddr: far, giaddr: RELAY }, 'unicast 10.30.0.1:67'],
  ];
  for (const [name, words, expected] of cases) {
    const rack = await WireRack.start({ config: relayed() });
    const reply = rack.ask(words, words.giaddr === undefined ? 'eth1' : '10.20.0.1');
    assert.ok(reply !== undefined, name);
    const { to } = reply;
    const address = to.kind === 'broadcast' ? '' : formatIpv4(to.address);
    const shown = `${to.kind} ${address}:${to.port}${to.kind === 'hardware' ? ` ${to.mac}` : ''}`;
    assert.equal(shown, expected, name);
  }
});

test('§4.1: a foreign address in ciaddr gets no answer in proxy mode either, at neither port', async () => {
  const rack = await WireRack.start({ config: config(subnet({ proxy: true, dynamic: undefined, static: undefined })) });
  const boots: Words = { ciaddr: ip('192.0.2.9'), options: [[60, Buffer.from('PXEClient:Arch:00007:UNDI:003016')]] };
  assert.notEqual(rack.ask({ ...boots, type: 'discover' })?.to.kind, 'unicast');
  assert.deepEqual(rack.say({ ...boots, type: 'request' }, 'eth1:4011'), []);
  assert.equal(rack.refused('wrong-network'), 1);
  const near = rack.ask({ ...boots, type: 'request', ciaddr: ip('10.20.0.150') }, 'eth1:4011');
  assert.deepEqual(
    near?.to,
    { kind: 'unicast', address: ip('10.20.0.150'), port: 68 },
    'at the port by which it asked',
  );
});

test('§4.3.2: a NAK through a relay asks the relay to broadcast it', async () => {
  const rack = await WireRack.start({ config: relayed() });
  const asked: Words = { type: 'request', requested: ip('10.99.0.5'), giaddr: RELAY, flags: 0 };
  for (const words of [asked, { ...asked, server: RACK, ciaddr: ip('10.30.0.105') }]) {
    const through = rack.ask(words, '10.20.0.1');
    assert.deepEqual([through?.type, through?.flags], ['NAK', 0x8000]);
  }
});

test('§4.1: a message may name the rack by any of its addresses, not by another server’s', async () => {
  const second = subnet({
    ...relayedSubnet(),
    name: 'second',
    interfaceName: 'eth2',
    serverAddress: ip('10.30.0.2'),
    network: relayedSubnet().network,
  });
  const request: Words = { type: 'request', requested: ip('10.20.0.105') };
  for (const [server, type] of [
    [RACK, 'ACK'],
    [ip('10.30.0.2'), 'ACK'],
    [ip('10.20.0.66'), undefined],
  ] as const) {
    const rack = await WireRack.start({ config: config(subnet(), second) });
    assert.equal(rack.ask({ ...request, server })?.type, type, formatIpv4(server));
    rack.ask({ ...request, server: RACK });
    assert.deepEqual(rack.say({ type: 'release', ciaddr: ip('10.20.0.105'), server }, '10.20.0.1'), []);
    assert.equal(rack.table.all()[0]?.state, type === undefined ? 'bound' : 'released', formatIpv4(server));
  }
});

test('§4.1: the server identifier is an address of the rack that the client can reach', async () => {
  const second = subnet({
    ...relayedSubnet(),
    name: 'second',
    interfaceName: 'eth2',
    serverAddress: ip('10.30.0.2'),
    network: relayedSubnet().network,
  });
  const rack = await WireRack.start({ config: config(subnet(), second) });
  for (const [socket, expected] of [
    ['eth1', '10.20.0.1'],
    ['eth2', '10.30.0.2'],
  ] as const) {
    const offer = rack.ask({ type: 'discover' }, socket);
    assert.ok(offer !== undefined);
    assert.equal(formatIpv4(serverOf(offer)), expected);
    assert.equal(offer.yiaddr >>> 8, serverOf(offer) >>> 8, 'and is in the client’s network');
    const nak = rack.ask({ type: 'request', requested: ip('10.99.0.1') }, socket);
    assert.deepEqual([nak?.type, nak && formatIpv4(serverOf(nak))], ['NAK', expected]);
  }
  const behind = await WireRack.start({ config: relayed() });
  const offer = behind.ask({ type: 'discover', giaddr: RELAY }, '10.20.0.1');
  assert.equal(formatIpv4(serverOf(offer ?? assert.fail('no offer'))), '10.20.0.1', 'the address the relay talks to');
});

test('§2: siaddr names the boot server; a client that shows no sign of a boot gets no file', async () => {
  const rack = await WireRack.start();
  const firmware: Words = { options: [[60, Buffer.from('PXEClient:Arch:00000')]] };
  for (const boots of [rack.ask({ ...firmware, type: 'discover' }), rack.lease(MAC_A, firmware)]) {
    assert.deepEqual([boots?.siaddr, boots?.file], [RACK, 'bios.bin'], boots?.type);
  }
  for (const plain of [rack.ask({ type: 'discover', mac: MAC_B }), rack.lease(MAC_B)]) {
    assert.deepEqual([plain?.siaddr, plain?.file, plain?.sname], [RACK, '', ''], plain?.type);
  }
});

test('§3.3: times are seconds in 32 bits, and no lease is endless', async () => {
  const rack = await WireRack.start();
  for (const wish of [
    [255, 255, 255, 255],
    [0, 0, 0, 0],
    [0, 0, 0, 1],
  ]) {
    const options: readonly WireOption[] = [[51, wish]];
    for (const reply of [rack.ask({ type: 'discover', options }), rack.lease(MAC_A, { options })]) {
      assert.ok(reply !== undefined);
      assert.equal(reply.options.get(51)?.length, 4);
      const [lease = 0, t1 = 0, t2 = 0] = [51, 58, 59].map((code) => numberOf(reply, code));
      assert.ok(lease >= 1 && lease < 0xffff_ffff, `${lease} s`);
      assert.ok(t1 <= t2 && t2 <= lease, `${t1} ${t2} ${lease}`);
    }
  }
  const long = await WireRack.start({ config: config(subnet({ leaseTime: seconds(0xf000_0010) })) });
  for (const reply of [long.ask({ type: 'discover' }), long.lease()]) {
    assert.ok(reply !== undefined);
    assert.deepEqual(
      [51, 58, 59].map((code) => numberOf(reply, code)),
      [0xf000_0010, 0x7800_0008, 0xd200_000e],
    );
  }
});

test('§4.4.5: T1 is before T2, and T2 before the end, for every lease', async () => {
  const machines = [machine(MAC_B, '10.20.0.30')];
  for (const leaseTime of [60, 600, 3600, 86_400, 31_536_000]) {
    const rack = await WireRack.start({
      config: config(subnet({ leaseTime: seconds(leaseTime) })),
      machines,
    });
    for (const words of [
      { mac: MAC_A },
      { mac: MAC_B },
      { mac: MAC_A, options: [[60, Buffer.from('PXEClient:Arch:00000')]] },
    ] as const satisfies readonly Words[]) {
      for (const reply of [rack.ask({ type: 'discover', ...words }), rack.lease(words.mac, words)]) {
        assert.ok(reply !== undefined);
        const [lease = 0, t1 = 0, t2 = 0] = [51, 58, 59].map((code) => numberOf(reply, code));
        assert.ok(0 < t1 && t1 < t2 && t2 < lease, `${reply.type}: ${t1} ${t2} ${lease}`);
      }
    }
  }
});
