// The contents of replies to the messages of real clients: each file of fixtures/packets/dhcp-*.hex is a capture.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import { encodeReply, replyBytesMax } from '../../../src/dhcp/answers/reply.ts';
import type { DhcpEvent } from '../../../src/dhcp/events/events.ts';
import type { DhcpConfig } from '../../../src/dhcp/networks/config.ts';
import { buildOptionTable } from '../../../src/dhcp/networks/configured-options.ts';
import { BROADCAST_FLAG, type DhcpMessage, encodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import { optionU16List, textBytes } from '../../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, macFromBytes, parseNetwork } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { clientBytes, config, labState, MAC_A, machine, readReply, subnet, textOption } from '../lab.ts';

const PACKETS = new URL('../../../fixtures/packets/', import.meta.url);

function capture(name: string): Uint8Array {
  const lines = readFileSync(new URL(`dhcp-${name}.hex`, PACKETS), 'utf8').split('\n');
  const digits = lines
    .filter((line) => !line.startsWith('#'))
    .join('')
    .replaceAll(' ', '');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** The network in which the captures were made. */
const capturedIn = (): DhcpConfig =>
  config(
    subnet({
      network: parseNetwork('10.99.0.0/24') ?? { address: ANY, prefix: 0 },
      serverAddress: ip('10.99.0.1'),
      router: ip('10.99.0.1'),
      dynamic: { low: ip('10.99.0.100'), high: ip('10.99.0.199') },
      static: undefined,
      dnsServers: [ip('10.99.0.1'), ip('192.0.2.53')],
      ntpServers: [ip('10.99.0.1')],
    }),
  );

interface Answer {
  readonly message: DhcpMessage;
  readonly event: DhcpEvent;
  readonly sizeBytes: number;
}

/** The reply to these bytes, as the client reads it. */
function answer(bytes: Uint8Array, dhcpConfig: DhcpConfig = config(), machines: readonly RackMachine[] = []): Answer {
  const request = readReply(bytes);
  const arrival = { interfaceName: 'eth1', localAddress: ANY };
  const decision = decide(request, arrival, labState(dhcpConfig, machines), instant(0));
  assert.ok(decision.kind === 'reply', JSON.stringify(decision));
  const encoded = encodeReply(decision.message, request);
  assert.deepEqual(encoded.omitted, []);
  return { message: readReply(encoded.bytes), event: decision.event, sizeBytes: encoded.bytes.length };
}

const bytesOf = (message: DhcpMessage, code: number): readonly number[] => [...(message.options.get(code) ?? [])];

test('real clients are distinguished and get their boot files', () => {
  const cases: readonly (readonly [string, string | undefined, number | undefined, string | undefined])[] = [
    ['ipxe-bios', 'ipxe', 0, 'ipxe.bin'],
    ['ovmf-pxe', 'uefi', 7, 'uefi.bin'],
    ['ovmf-http', 'uefi-http', 16, 'http://10.99.0.1:5248/boot.efi'],
    ['aavmf-pxe', 'uefi', 11, 'uefi.bin'],
    ['aavmf-http', 'uefi-http', 19, 'http://10.99.0.1:5248/boot.efi'],
    ['udhcpc', undefined, undefined, undefined],
    ['dhclient', undefined, undefined, undefined],
  ];
  for (const [name, client, architecture, file] of cases) {
    for (const type of ['discover', 'request'] as const) {
      const request = capture(`${name}-${type}`);
      const { message, event } = answer(request, capturedIn());
      assert.equal(event.kind, type === 'discover' ? 'dhcp.offer' : 'dhcp.ack', name);
      assert.deepEqual([event.client, event.architecture, event.file], [client, architecture, file], name);
      assert.equal(textOption(message, 67), file, name);
      assert.equal(message.file, file ?? '', name);
      assert.equal(textOption(message, 66), file === undefined ? undefined : '10.99.0.1', name);
      assert.equal(message.siaddr, ip('10.99.0.1'), name);
      assert.equal(event.leaseSeconds, client === undefined ? 600 : 30, name);
      assert.equal(textOption(message, 60), client === 'uefi-http' ? 'HTTPClient' : undefined, name);
      assert.equal(message.xid, readReply(request).xid, name);
      assert.equal(macFromBytes(message.chaddr), macFromBytes(readReply(request).chaddr), name);
      assert.equal(message.flags & BROADCAST_FLAG, readReply(request).flags & BROADCAST_FLAG, name);
    }
  }
});

test('every capture survives being read and written', () => {
  for (const file of readdirSync(PACKETS).filter((name) => /^dhcp-.*\.hex$/.test(name))) {
    const request = readReply(capture(file.slice(5, -4)));
    const again = readReply(encodeDhcpMessage(request, 1472).bytes);
    assert.deepEqual([...again.options], [...request.options], file);
    assert.deepEqual({ ...again, options: 0, chaddr: 0 }, { ...request, options: 0, chaddr: 0 }, file);
  }
});

test('iPXE is told not to wait for a proxy server, and gets its identifiers back', () => {
  const request = readReply(capture('ipxe-bios-discover'));
  const { message } = answer(capture('ipxe-bios-discover'), capturedIn());
  assert.deepEqual(bytesOf(message, 175), [176, 1, 1]);
  assert.deepEqual(bytesOf(message, 97), bytesOf(request, 97));
  assert.deepEqual(bytesOf(message, 61), bytesOf(request, 61));
  assert.equal(answer(capture('ovmf-pxe-discover'), capturedIn()).message.options.has(175), false);
});

test('a boot file option ends in a zero byte; option 210 comes where the plan has a prefix', () => {
  const bios = answer(clientBytes({ type: 'discover', vendorClass: 'PXEClient:Arch:00000:UNDI:002001' })).message;
  assert.deepEqual(bytesOf(bios, 67), [...textBytes('bios.bin'), 0]);
  assert.equal(textOption(bios, 210), 'http://rack/');
});

test('a client that sends no list gets mask, router, name servers, domain and broadcast address', () => {
  const { message } = answer(clientBytes({ type: 'discover' }));
  assert.deepEqual([...message.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 15, 28]);
  assert.deepEqual(bytesOf(message, 1), [255, 255, 255, 0]);
  assert.deepEqual(bytesOf(message, 3), [10, 20, 0, 254]);
  assert.deepEqual(bytesOf(message, 6), [10, 20, 0, 1]);
  assert.equal(textOption(message, 15), 'maas');
  assert.deepEqual(bytesOf(message, 28), [10, 20, 0, 255]);
});

test('a parameter request list is honoured, in its order; mask and router always come', () => {
  const list = [42, 119, 28, 200, 15, 1, 28];
  const dhcpConfig = config(subnet({ ntpServers: [ip('192.0.2.1'), RACK] }));
  const { message } = answer(clientBytes({ type: 'discover', options: [[55, Uint8Array.from(list)]] }), dhcpConfig);
  assert.deepEqual([...message.options.keys()], [53, 54, 51, 58, 59, 42, 119, 28, 15, 1, 3]);
  assert.deepEqual(bytesOf(message, 42), [192, 0, 2, 1, 10, 20, 0, 1]);
  assert.deepEqual(bytesOf(message, 119), [4, ...textBytes('maas'), 0]);
});

test('options without a value in the network are left out', () => {
  const bare = config(subnet({ router: undefined, dnsServers: [], domain: '' }));
  const { message } = answer(clientBytes({ type: 'discover' }), bare);
  assert.deepEqual([...message.options.keys()], [53, 54, 51, 58, 59, 1, 28]);
});

test('RFC 2131 §4.4.5: T1 is half and T2 seven eighths of the lease', () => {
  const { message } = answer(clientBytes({ type: 'discover' }));
  const seconds = [51, 58, 59].map((code) => optionU16List(message.options, code)[1]);
  assert.deepEqual(seconds, [600, 300, 525]);
});

test('a known machine gets its name and domain, a reserved client its name', () => {
  const known = answer(clientBytes({ type: 'discover' }), config(), [
    machine(MAC_A, '10.20.0.30', { hostname: 'swift-fox', domain: 'dc1.example' }),
  ]).message;
  assert.deepEqual(
    [textOption(known, 12), textOption(known, 15), formatIpv4(known.yiaddr)],
    ['swift-fox', 'dc1.example', '10.20.0.30'],
  );
  const reservation = { mac: MAC_A, address: ip('10.20.0.20'), hostname: 'gateway' };
  const reserved = answer(clientBytes({ type: 'discover' }), config(subnet({ reservations: [reservation] }))).message;
  assert.deepEqual([textOption(reserved, 12), formatIpv4(reserved.yiaddr)], ['gateway', '10.20.0.20']);
});

test('the agent information is echoed last and byte for byte, malformed or not', () => {
  for (const agent of [
    [1, 2, 65, 66, 151, 0],
    [1, 200, 3],
  ]) {
    const options = [
      [82, Uint8Array.from(agent)],
      [118, Uint8Array.of(10, 20, 0, 0)],
    ] as const;
    const { message } = answer(clientBytes({ type: 'discover', options }));
    assert.deepEqual(bytesOf(message, 82), agent);
    assert.equal([...message.options.keys()].at(-1), 82);
    assert.deepEqual(bytesOf(message, 118), [10, 20, 0, 0]);
  }
});

test('a reply fits what the client accepts: 548 bytes, or its option 57, or an Ethernet frame', () => {
  const said = (size: number | undefined): number =>
    replyBytesMax(
      readReply(clientBytes({ options: size === undefined ? [] : [[57, Uint8Array.of(size >> 8, size & 255)]] })),
    );
  assert.deepEqual([said(undefined), said(100), said(1000), said(1500), said(65280)], [548, 548, 972, 1472, 1472]);
});

test('a file name over 127 characters goes into option 67 alone', () => {
  const file = `http://10.20.0.1/${'x'.repeat(150)}`;
  const state = { ...labState(), planBoot: () => ({ serverAddress: RACK, file, reason: { loaderKey: 'test' } }) };
  const bytes = clientBytes({ type: 'discover', vendorClass: 'HTTPClient:Arch:00016' });
  const decision = decide(readReply(bytes), { interfaceName: 'eth1', localAddress: ANY }, state, instant(0));
  assert.ok(decision.kind === 'reply');
  assert.equal(decision.message.file, '');
  assert.equal(textOption(readReply(encodeDhcpMessage(decision.message, 548).bytes), 67), file);
});

test('GRUB’s own DHCP, which sends neither 60 nor 93, gets the configured next server, and the rack if there is none', () => {
  const next = { code: 66, value: textBytes('10.99.0.7'), force: false, when: undefined };
  const inNetwork = (entry: typeof next) => {
    const [one] = capturedIn().subnets;
    return config(subnet({ ...one, options: buildOptionTable([entry]) }));
  };
  for (const type of ['discover', 'request']) {
    for (const force of [false, true]) {
      const { message } = answer(capture(`grub-${type}`), inNetwork({ ...next, force }));
      assert.deepEqual([formatIpv4(message.siaddr), message.file], ['10.99.0.7', ''], `${type}, force: ${force}`);
    }
    assert.equal(formatIpv4(answer(capture(`grub-${type}`), capturedIn()).message.siaddr), '10.99.0.1');
    const others = { code: 42, value: textBytes('x'), force: false, when: undefined };
    assert.equal(formatIpv4(answer(capture(`grub-${type}`), inNetwork(others)).message.siaddr), '10.99.0.1');
  }
  const asking = answer(capture('udhcpc-discover'), inNetwork({ ...next, force: true }));
  assert.equal(formatIpv4(asking.message.siaddr), '10.99.0.7', 'with a list: where the option is forced');
});
