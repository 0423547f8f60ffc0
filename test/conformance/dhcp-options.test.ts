// Options, by RFC: 2132, 3004 (user class), 3396 (long options), 4361 and 6842 (client identifier), 4578 (PXE). Byte for byte on a
// virtual wire; the table of demands is docs/reference/dhcp-conformance.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findArchitecture } from '../../src/boot/architectures.ts';
import { ANY, formatIpv4 } from '../../src/ground/address.ts';
import { seconds } from '../../src/ground/clock.ts';
import { config, MAC_A, MAC_B, machine, subnet } from '../dhcp/lab.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { numberOf, type ServerDatagram, type WireOption } from './dhcp-datagram.ts';
import { WireRack, type Words } from './wire-rack.ts';

const given = (reply: ServerDatagram | undefined): string => formatIpv4(reply?.yiaddr ?? ANY);
const text = (value: string): readonly number[] => [...Buffer.from(value, 'latin1')];
const PXE: WireOption = [60, text('PXEClient:Arch:00007:UNDI:003016')];
const FQDN: WireOption = [81, [1, 0, 0, ...text('node')]];

test('RFC 2132 §3.3: the mask comes before the router, in any order of the request', async () => {
  const rack = await WireRack.start();
  for (const list of [[3, 1], [1, 3], [6, 3, 15, 1], []]) {
    const options: readonly WireOption[] = list.length === 0 ? [] : [[55, list]];
    const codes = [...(rack.ask({ type: 'discover', options })?.options.keys() ?? [])];
    assert.ok(codes.includes(1) && codes.indexOf(1) < codes.indexOf(3), `${list}: ${codes}`);
  }
});

test('RFC 2132: each option sent has the length of its type', async () => {
  const rack = await WireRack.start({
    config: config(subnet({ ntpServers: [ip('192.0.2.1'), ip('192.0.2.2')] })),
    machines: [machine(MAC_A, '10.20.0.30')],
  });
  const every = Array.from({ length: 254 }, (_, index) => index + 1);
  for (const more of [[], [PXE]]) {
    const reply = rack.ask({ type: 'discover', options: [[55, every], [57, [5, 220]], ...more] });
    assert.ok(reply !== undefined);
    const lengths: Readonly<Record<number, number>> = { 1: 4, 28: 4, 51: 4, 53: 1, 54: 4, 58: 4, 59: 4 };
    for (const [code, length] of Object.entries(lengths)) {
      assert.equal(reply.options.get(Number(code))?.length, length, `option ${code}`);
    }
    for (const code of [3, 6, 42]) {
      const { length } = reply.options.get(code) ?? [];
      assert.ok(length >= 4 && length % 4 === 0, `option ${code} has ${length} bytes`);
    }
    for (const [code, value] of reply.options) assert.ok(value.length >= 1, `option ${code} is empty`);
  }
});

test('RFC 2132 §9.8: options come in the order in which the client requests them', async () => {
  const rack = await WireRack.start({ config: config(subnet({ ntpServers: [RACK] })) });
  for (const list of [
    [15, 6, 28, 42, 119],
    [119, 42, 28, 6, 15],
    // dhclient's; the mask comes before the router.
    [1, 28, 42, 3, 15, 6],
    [15, 28, 6, 1, 3],
    // The boot options, too.
    [67, 15, 43, 3, 66, 6, 1],
    [1, 3, 15, 6, 66, 67],
    [1, 3, 15, 81, 6],
  ]) {
    for (const more of [[], [PXE], [FQDN]]) {
      for (const words of [
        { type: 'discover' },
        { type: 'request', requested: ip('10.20.0.105'), server: RACK },
        { type: 'inform', ciaddr: ip('10.20.0.105') },
      ] as const satisfies readonly Words[]) {
        const reply = rack.ask({ ...words, options: [[55, list], ...more] });
        const given = [...(reply?.options.keys() ?? [])];
        const sorted = list[3] === 3 && list[6] === 1 ? [67, 15, 43, 1, 3, 66, 6] : list;
        assert.deepEqual(
          given.filter((code) => list.includes(code)),
          sorted.filter((code) => given.includes(code)),
          words.type,
        );
        assert.equal(given.includes(67), more.includes(PXE), 'asked for or not');
        const configured = list.filter((code) => ![43, 66, 67, 81].includes(code));
        for (const code of [1, 3, ...configured]) assert.ok(given.includes(code), `${words.type}: ${code} of ${list}`);
      }
    }
  }
});

test('RFC 2132 §9.8: a client that sends no list gets mask, router and name servers', async () => {
  const rack = await WireRack.start();
  const offer = rack.ask({ type: 'discover' });
  for (const code of [1, 3, 6]) assert.ok(offer?.options.has(code), `option ${code}`);
});

test('RFC 2132 §9.10: a maximum message size below 576 counts as 576', async () => {
  const crowd = Array.from({ length: 60 }, (_, index) => ip(`192.0.2.${index + 1}`));
  const rack = await WireRack.start({ config: config(subnet({ dnsServers: crowd })) });
  for (const size of [0, 1, 300, 575, 576]) {
    const options: readonly WireOption[] = [
      [57, [size >> 8, size & 255]],
      [55, [6]],
    ];
    const offer = rack.ask({ type: 'discover', options });
    for (const reply of [offer, rack.ask({ type: 'request', ciaddr: ip('10.20.0.105'), options })]) {
      assert.equal(reply?.options.get(6)?.length, 240, `${reply?.type}: ${size}`);
      assert.ok((reply?.bytes.length ?? 0) <= 548);
    }
  }
});

test('RFC 2132 §9.11 and §9.12: T1 and T2 come with each lease', async () => {
  const rack = await WireRack.start();
  const offer = rack.ask({ type: 'discover' }) ?? assert.fail('no offer');
  assert.deepEqual(
    [51, 58, 59].map((code) => numberOf(offer, code)),
    [600, 300, 525],
  );
  rack.lease();
  rack.clock.advance(900);
  const again = rack.ask({ type: 'request', ciaddr: offer.yiaddr }) ?? assert.fail('no ACK');
  assert.deepEqual(
    [51, 58, 59].map((code) => numberOf(again, code)),
    [599, 299, 524],
    'with the remaining time, too',
  );
});

test('RFC 2132 §9.13 and §8.4: unknown vendor classes and vendor options change nothing', async () => {
  const rack = await WireRack.start();
  const options: readonly WireOption[] = [
    [60, text('MSFT 5.0')],
    [43, [220, 1, 0, 77, 255, 3]],
    [125, [0, 0, 5, 88, 3, 1, 200, 2]],
    [124, [1]],
    [221, [1, 2, 3]],
    [254, []],
  ];
  for (const words of [
    { type: 'discover' },
    { type: 'request', requested: ip('10.20.0.105'), server: RACK },
    { type: 'inform', ciaddr: ip('10.20.0.105') },
    { type: 'request', requested: ip('10.99.0.1') },
  ] as const satisfies readonly Words[]) {
    const [plain, odd] = [rack.ask(words), rack.ask({ ...words, options })];
    assert.deepEqual([odd?.type, [...(odd?.options ?? [])]], [plain?.type, [...(plain?.options ?? [])]]);
  }
});

test('RFC 2132 §9.13: a server’s class goes only to clients that boot by HTTP, which read it', async () => {
  const rack = await WireRack.start();
  const http = rack.ask({
    type: 'discover',
    options: [
      [60, text('HTTPClient:Arch:00016:UNDI:003001')],
      [93, [0, 16]],
    ],
  });
  assert.deepEqual(http?.options.get(60), text('HTTPClient'));
  assert.equal(rack.ask({ type: 'discover', mac: MAC_B, options: [PXE, [93, [0, 7]]] })?.options.has(60), false);
  assert.equal(rack.ask({ type: 'discover', mac: MAC_B })?.options.has(60), false);
});

test('RFC 2132 §9.4 and §9.5: a boot client gets server and file in options 66 and 67 and in the fields', async () => {
  const rack = await WireRack.start();
  const offer = rack.ask({ type: 'discover', options: [PXE, [93, [0, 7]]] });
  assert.deepEqual(offer?.options.get(66), text('10.20.0.1'));
  assert.deepEqual(offer?.options.get(67), text('uefi.bin\0'));
  assert.deepEqual([offer?.file, offer?.siaddr], ['uefi.bin', RACK]);
});

test('RFC 2132 §9.14 and RFC 4361 §6.1: a client identifier is opaque bytes of any length', async () => {
  for (const identifier of [[0], [1, 2], [255, 0, 0, 0, 1, 0, 2, 0, 0, 0xab, 0x11], new Array<number>(255).fill(9)]) {
    const rack = await WireRack.start();
    const ack = rack.lease(MAC_A, { options: [[61, identifier]] });
    assert.equal(ack?.type, 'ACK');
    assert.deepEqual(ack?.options.get(61), identifier);
    assert.equal(rack.table.all()[0]?.mac, MAC_A);
    assert.deepEqual(text(rack.table.all()[0]?.clientId ?? ''), identifier, 'and it is kept whole');
  }
});

test('RFC 6842 §3: OFFER, ACK and NAK repeat the client identifier if the client sent one', async () => {
  const identifier = [255, 1, 2, 3];
  const asks: readonly Words[] = [
    { type: 'discover' },
    { type: 'request', requested: ip('10.20.0.105'), server: RACK },
    { type: 'request', requested: ip('10.99.0.1') },
    { type: 'inform', ciaddr: ip('10.20.0.7') },
  ];
  for (const words of asks) {
    const rack = await WireRack.start();
    assert.deepEqual(rack.ask({ ...words, options: [[61, identifier]] })?.options.get(61), identifier);
    assert.equal(rack.ask(words)?.options.has(61), false);
    assert.equal(rack.ask({ ...words, options: [[55, [61, 1]]] })?.options.has(61), false, 'not even when asked for');
  }
});

test('RFC 3396 §5 and §7: an option in pieces is one value, wherever the pieces lie', async () => {
  const rack = await WireRack.start();
  const id = Array.from({ length: 40 }, (_, index) => index);
  const ack = rack.ask({
    options: [
      [52, [3]],
      [61, id.slice(0, 10)],
      [53, [1]],
      [61, id.slice(10, 20)],
    ],
    file: [[61, id.slice(20, 30)]],
    sname: [[61, id.slice(30)]],
  });
  assert.deepEqual(ack?.options.get(61), id);
});

test('RFC 3396 §6: a value over 255 bytes is written in pieces, the first of them full', async () => {
  const servers = Array.from({ length: 90 }, (_, index) => ip(`192.0.2.${index + 1}`));
  const rack = await WireRack.start({ config: config(subnet({ dnsServers: servers })) });
  const offer = rack.ask({
    type: 'discover',
    options: [
      [57, [5, 220]],
      [55, [6]],
    ],
  });
  const lengths = offer?.pieces.filter(({ code }) => code === 6).map(({ value }) => value.length);
  assert.deepEqual(lengths, [255, 105]);
  assert.equal(offer?.options.get(6)?.length, 360);
});

test('RFC 3004 §4: a user class is read with and without a length byte', async () => {
  const rack = await WireRack.start();
  for (const value of [text('iPXE'), [4, ...text('iPXE')], [3, ...text('lab'), 4, ...text('iPXE')]]) {
    const offer = rack.ask({ type: 'discover', options: [PXE, [93, [0, 7]], [77, value]] });
    assert.equal(offer?.file, 'ipxe.bin', `${value}`);
  }
});

test('RFC 4578 §2.1: the architecture is a list, of which the first known one counts; EBC is x86-64', async () => {
  const seen: number[][] = [];
  const rack = await WireRack.start({
    planBoot: ({ client }) => {
      seen.push([client.architecture]);
      return undefined;
    },
  });
  for (const list of [
    [0, 0],
    [0, 7],
    [0, 9],
    [0, 11],
    [0, 16],
    [0, 7, 0, 0],
    [3, 231, 0, 7],
  ]) {
    rack.say({
      type: 'discover',
      options: [
        [60, text('PXEClient')],
        [93, list],
      ],
    });
  }
  assert.deepEqual(seen, [[0], [7], [9], [11], [16], [7], [7]]);
  const [x64, ebc] = [7, 9].map(findArchitecture);
  assert.deepEqual({ ...ebc, code: 7 }, x64);
});

test('RFC 4578 §2.1: architecture and interface of a client do not go back to it', async () => {
  const rack = await WireRack.start();
  const offer = rack.ask({
    type: 'discover',
    options: [PXE, [93, [0, 7]], [94, [1, 3, 16]], [55, [1, 3, 93, 94]]],
  });
  assert.equal(offer?.file, 'uefi.bin');
  for (const code of [93, 94]) assert.equal(offer?.options.has(code), false, `option ${code}`);
});

test('RFC 4578 §2.3: a booting machine gets its UUID back, byte for byte', async () => {
  const rack = await WireRack.start();
  const uuid = [0, ...Array.from({ length: 16 }, (_, index) => 240 + (index % 16))];
  const options: readonly WireOption[] = [PXE, [97, uuid]];
  const offer = rack.ask({ type: 'discover', options });
  const ack = rack.ask({ type: 'request', requested: offer?.yiaddr ?? ANY, server: RACK, options });
  const inform = rack.ask({ type: 'inform', ciaddr: offer?.yiaddr ?? ANY, options });
  for (const reply of [offer, ack, inform]) assert.deepEqual(reply?.options.get(97), uuid, reply?.type);
  assert.equal(rack.ask({ type: 'discover', mac: MAC_B, options: [[97, uuid]] })?.options.has(97), false);
});

test('RFC 2132 §2: an option of a wrong length is ignored, and the client is served', async () => {
  const rack = await WireRack.start();
  const bad: readonly WireOption[] = [
    [50, [10, 20]],
    [57, [1]],
    [93, [7]],
    [97, [0, 1]],
    [118, [1, 2, 3]],
    [61, []],
    [55, []],
  ];
  for (const option of bad) {
    const offer = rack.ask({ type: 'discover', options: [option] });
    assert.equal(offer?.type, 'OFFER', `option ${option[0]}`);
    assert.match(given(offer), /^10\.20\.0\.10\d$/);
  }
  const wished = async (...options: readonly WireOption[]): Promise<string> =>
    given((await WireRack.start()).ask({ type: 'discover', options }));
  const unasked = await wished();
  const last = unasked === '10.20.0.107' ? 108 : 107;
  assert.equal(await wished([50, [10, 20, 0, last]]), `10.20.0.${last}`);
  assert.equal(await wished([50, [10, 20, 0, last, 1]]), unasked, 'five bytes are not an address');
  assert.equal(await wished([50, [10, 20]], [50, [0, last, 1]]), unasked, 'nor are they in pieces');
  const addresses = Array.from({ length: 60 }, (_, index) => ip(`192.0.2.${index + 1}`));
  const limits = { leaseTimeMin: seconds(60), leaseTimeMax: seconds(3600) };
  const uuids: unknown[] = [];
  const rich = await WireRack.start({
    config: config(subnet({ dnsServers: addresses, ntpServers: addresses, ...limits })),
    planBoot: ({ uuid }) => {
      uuids.push(uuid);
      return undefined;
    },
  });
  for (const [length, bytes, time] of [
    [0, 800, 900],
    [1, 548, 600],
  ] as const) {
    const more = new Array<number>(length).fill(0);
    const options: readonly WireOption[] = [
      [57, [3, 60, ...more]],
      [51, [0, 0, 3, 132, ...more]],
      [55, [6, 42]],
    ];
    const offer = rich.ask({ type: 'discover', options }) ?? assert.fail('no offer');
    assert.ok(
      offer.bytes.length <= bytes && (bytes === 548 || offer.bytes.length > 548),
      `${offer.bytes.length} bytes`,
    );
    assert.equal(numberOf(offer, 51), time);
    rich.ask({ type: 'discover', options: [PXE, [97, [...new Array<number>(17).fill(0), ...more]]] });
  }
  assert.deepEqual(uuids, ['00000000-0000-0000-0000-000000000000', undefined]);
});

const NAMING = config(subnet({ namesClients: true }));
const WISH = [...text('Wish')];

test('RFC 4702 §4: OFFER and ACK repeat the name if the client sent one, in the same encoding', async () => {
  const rack = await WireRack.start({ config: NAMING });
  for (const [flags, wish, name] of [
    [1, WISH, text('wish.maas')],
    [5, [4, ...WISH], [4, ...text('wish'), 4, ...text('maas'), 0]],
  ] as const) {
    const options: readonly WireOption[] = [[81, [flags, 0, 0, ...wish]]];
    const offer = rack.ask({ type: 'discover', options });
    const ack = rack.ask({ type: 'request', requested: offer?.yiaddr ?? ANY, server: RACK, options });
    for (const reply of [offer, ack]) assert.deepEqual(reply?.options.get(81), [flags, 255, 255, ...name]);
  }
  assert.equal(rack.ask({ type: 'discover' })?.options.has(81), false);
  assert.equal(rack.ask({ type: 'discover', options: [[55, [81]]] })?.options.has(81), false, 'asked for, not sent');
  for (const short of [[], [1], [1, 0]]) {
    const offer = rack.ask({ type: 'discover', options: [[81, short]] });
    assert.deepEqual([offer?.type, offer?.options.has(81)], ['OFFER', false]);
  }
});

test('RFC 4702 §2.1: S and N report what this server does, and O that it overrode the client', async () => {
  const flagsOf = async (namesClients: boolean, ...asked: readonly number[]) => {
    const rack = await WireRack.start({ config: config(subnet({ namesClients })) });
    return asked.map(
      (flags) => rack.ask({ type: 'discover', options: [[81, [flags, 0, 0, ...WISH]]] })?.options.get(81)?.[0],
    );
  };
  assert.deepEqual(await flagsOf(true, 0, 1, 8, 0xf1), [3, 1, 8, 1]);
  assert.deepEqual(await flagsOf(false, 0, 1, 8, 9), [8, 10, 8, 8]);
});

test('RFC 4702 §3.1: option 81 replaces option 12, even if it has no valid name, and neither name is kept if the client forbids it', async () => {
  const kept = async (flags: number, name: readonly number[] = WISH): Promise<string | undefined> => {
    const rack = await WireRack.start({ config: NAMING });
    const options: readonly WireOption[] = [
      [12, text('twelve')],
      [81, [flags, 0, 0, ...name]],
    ];
    const offer = rack.ask({ type: 'discover', options });
    const ack = rack.ask({ type: 'request', requested: offer?.yiaddr ?? ANY, server: RACK, options });
    assert.equal(ack?.type, 'ACK');
    return rack.table.find(ack?.yiaddr ?? ANY)?.hostname;
  };
  assert.deepEqual([await kept(1), await kept(8)], ['wish', undefined]);
  assert.deepEqual(
    [await kept(1, []), await kept(1, text('a_b')), await kept(5, [0])],
    [undefined, undefined, undefined],
  );
});
