// Networks in proxy mode: what boot clients are told alongside another DHCP server, and which clients get no answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootPlan, BootQuery } from '../../../src/boot/plan.ts';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { DhcpDecision } from '../../../src/dhcp/answers/decision.ts';
import { encodeReply } from '../../../src/dhcp/answers/reply.ts';
import { planSockets } from '../../../src/dhcp/networks/socket-plan.ts';
import type { Arrival } from '../../../src/dhcp/networks/subnet.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, optionText, optionU8, textBytes } from '../../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, formatMac } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import {
  type ClientWords,
  clientMessage,
  config,
  labState,
  MAC_A,
  machine,
  NOW,
  ON_WIRE,
  planByKind,
  readReply,
  relayedSubnet,
  subnet,
} from '../lab.ts';

const PROXIED = subnet({ proxy: true, dynamic: undefined, static: undefined });
const OTHER_SERVER = ip('10.20.0.2');
const AS_BOOT_SERVER: Arrival = { interfaceName: undefined, localAddress: RACK, bootServerPort: 68 };
const UUID = Uint8Array.of(0, ...Array.from({ length: 16 }, (_, index) => index));
const IDENTIFIER = Uint8Array.of(1, 0x52, 0x54, 0, 0, 0, 0x0a);

const architecture = (code: number): readonly [number, Uint8Array] => [93, Uint8Array.of(code >> 8, code & 255)];
const BIOS: ClientWords = { vendorClass: 'PXEClient:Arch:00000:UNDI:002001', options: [architecture(0), [97, UUID]] };
const UEFI: ClientWords = {
  vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
  options: [architecture(7)],
  broadcast: true,
};
const HTTP: ClientWords = { vendorClass: 'HTTPClient:Arch:00016:UNDI:003000', options: [architecture(16)] };
const IPXE: ClientWords = {
  vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
  options: [architecture(0), [77, textBytes('iPXE')], [61, IDENTIFIER]],
};
const SYSTEM: ClientWords = { vendorClass: 'udhcp 1.35.0' };

function ask(
  words: ClientWords,
  arrival: Arrival = ON_WIRE,
  { plan = planByKind, served = PROXIED, known = false }: Partial<Terms> = {},
): DhcpDecision {
  const state = labState(config(served, relayedSubnet()), known ? [machine(MAC_A, '10.99.0.1')] : []);
  return decide(clientMessage(words), arrival, { ...state, planBoot: plan }, NOW);
}

interface Terms {
  readonly plan: (query: BootQuery) => BootPlan | undefined;
  readonly served: typeof PROXIED;
  readonly known: boolean;
}

/** The reply as the client reads it. */
function reply(decision: DhcpDecision, words: ClientWords) {
  assert.ok(decision.kind === 'reply', JSON.stringify(decision));
  const encoded = encodeReply(decision.message, clientMessage(words));
  assert.deepEqual(encoded.omitted, []);
  assert.deepEqual(decision.records, [], 'no lease is recorded');
  return { message: readReply(encoded.bytes), to: decision.destination, event: decision.event };
}

const OFFERS: readonly (readonly [string, ClientWords, { vendor: string; file: string; control: boolean }])[] = [
  ['a BIOS', BIOS, { vendor: 'PXEClient', file: 'bios.bin', control: true }],
  ['UEFI', UEFI, { vendor: 'PXEClient', file: 'uefi.bin', control: true }],
  ['iPXE', IPXE, { vendor: 'PXEClient', file: 'ipxe.bin', control: true }],
  ['UEFI by HTTP', HTTP, { vendor: 'HTTPClient', file: 'http://10.20.0.1:5248/boot.efi', control: false }],
];

for (const [name, words, expected] of OFFERS) {
  test(`${name} is offered what to load, and no address`, () => {
    const { message, to, event } = reply(ask({ ...words, type: 'discover' }), words);
    assert.equal(optionU8(message.options, OPTION.messageType), MESSAGE_TYPE.offer);
    assert.deepEqual([message.yiaddr, message.ciaddr], [ANY, ANY]);
    assert.equal(formatIpv4(message.siaddr), '10.20.0.1');
    assert.equal(message.file, expected.file);
    assert.equal(optionText(message.options, OPTION.bootFileName), expected.file);
    assert.equal(optionText(message.options, OPTION.vendorClass), expected.vendor);
    assert.deepEqual(
      Array.from(message.options.get(OPTION.vendorSpecific) ?? []),
      expected.control ? [6, 1, 8, 255] : [],
      'look for no boot server: load the file',
    );
    assert.deepEqual(message.options.get(OPTION.serverIdentifier), addressBytes(RACK));
    for (const code of [OPTION.leaseTime, OPTION.subnetMask, OPTION.router, OPTION.domainNameServer, OPTION.ipxe]) {
      assert.equal(message.options.has(code), false, `option ${code} is the other server's to give`);
    }
    assert.deepEqual(to, { kind: 'broadcast', port: 68 }, 'the client has no address that could be answered');
    assert.deepEqual([event.kind, event.proxied, event.address], ['dhcp.offer', true, undefined]);
  });
}

test('UUID and client identifier are echoed unchanged (RFC 4578 §2.3, RFC 6842)', () => {
  assert.deepEqual(reply(ask({ ...BIOS, type: 'discover' }), BIOS).message.options.get(97), UUID);
  assert.deepEqual(reply(ask({ ...IPXE, type: 'discover' }), IPXE).message.options.get(61), IDENTIFIER);
});

test('pxelinux learns where it continues', () => {
  const { message } = reply(ask({ ...BIOS, type: 'discover' }), BIOS);
  assert.equal(optionText(message.options, OPTION.pathPrefix), 'http://rack/');
});

test('behind a relay the offer goes to the relay, whose option is echoed', () => {
  const far = { ...relayedSubnet(), proxy: true, dynamic: undefined };
  const agent = Uint8Array.of(1, 2, 7, 7);
  const words: ClientWords = { ...UEFI, giaddr: ip('10.30.0.1'), options: [architecture(7), [82, agent]] };
  const state = labState(config(subnet(), far));
  const decision = decide(
    clientMessage({ ...words, type: 'discover' }),
    { interfaceName: undefined, localAddress: RACK },
    state,
    NOW,
  );
  const { message, to } = reply(decision, words);
  assert.deepEqual(to, { kind: 'unicast', address: ip('10.30.0.1'), port: 67 });
  assert.deepEqual(message.options.get(82), agent);
  assert.equal([...message.options.keys()].at(-1), 82);
  assert.equal(formatIpv4(message.siaddr), '10.20.0.1');
});

const REQUEST: ClientWords = { type: 'request', server: OTHER_SERVER, requested: ip('10.20.0.150') };

test('at the boot server port the boot file goes to the address and port that asked', () => {
  for (const type of ['request', 'inform'] as const) {
    const words: ClientWords = { ...UEFI, type, ciaddr: ip('10.20.0.150') };
    const { message, to, event } = reply(ask(words, { ...AS_BOOT_SERVER, bootServerPort: 4011 }), words);
    assert.equal(optionU8(message.options, OPTION.messageType), MESSAGE_TYPE.ack);
    assert.deepEqual([formatIpv4(message.ciaddr), message.yiaddr], ['10.20.0.150', ANY]);
    assert.equal(message.file, 'uefi.bin');
    assert.deepEqual(to, { kind: 'unicast', address: ip('10.20.0.150'), port: 4011 });
    assert.deepEqual([event.kind, event.address], ['dhcp.boot-server', ip('10.20.0.150')]);
  }
});

test('a client without an address that asks for a boot server gets a broadcast at the DHCP client port, whatever port it names', () => {
  for (const bootServerPort of [68, 4011, 7, 53]) {
    const words: ClientWords = { ...UEFI, type: 'request' };
    const { to } = reply(ask(words, { ...AS_BOOT_SERVER, bootServerPort }), words);
    assert.deepEqual(to, { kind: 'broadcast', port: 68 });
  }
});

test('a machine with the boot server quirk is offered no file, and gets it on port 4011', () => {
  const plan = (query: BootQuery): BootPlan => ({ ...planByKind(query), proxyReply: 'binl' });
  const offer = reply(ask({ ...UEFI, type: 'discover' }, ON_WIRE, { plan }), UEFI).message;
  assert.equal(offer.file, '');
  assert.deepEqual([offer.options.has(67), offer.options.has(43)], [false, false]);
  assert.equal(optionText(offer.options, OPTION.vendorClass), 'PXEClient');
  assert.equal(formatIpv4(offer.siaddr), '10.20.0.1');
  const words: ClientWords = { ...UEFI, type: 'request', ciaddr: ip('10.20.0.150') };
  assert.equal(reply(ask(words, AS_BOOT_SERVER, { plan }), words).message.file, 'uefi.bin');
});

test('a plan with its own option 43 keeps it', () => {
  const plan = (query: BootQuery): BootPlan => ({ ...planByKind(query), vendorOptions: Uint8Array.of(6, 1, 3, 255) });
  const { message } = reply(ask({ ...BIOS, type: 'discover' }, ON_WIRE, { plan }), BIOS);
  assert.deepEqual(Array.from(message.options.get(43) ?? []), [6, 1, 3, 255]);
});

/** A decision without a reply in a line. */
function inShort(decision: DhcpDecision): string {
  if (decision.kind === 'reply') return 'reply';
  if (decision.kind === 'record') return 'record';
  if (decision.kind === 'ignore') return `refused ${decision.reason}`;
  const { claim, event, reason } = decision;
  const seen = claim === undefined ? '' : `, ${formatMac(claim.mac)} has ${formatIpv4(claim.address)}`;
  return `silence ${reason}${seen}${event === undefined ? '' : `, told ${event.kind} ${event.server ?? ''}`.trimEnd()}`;
}

const A_HAS_150 = `${formatMac(MAC_A)} has 10.20.0.150`;
const SILENT: readonly (readonly [string, ClientWords, Arrival, Partial<Terms>, string])[] = [
  ['a system that looks for an address', { ...SYSTEM, type: 'discover' }, ON_WIRE, {}, 'silence not-booting'],
  ['a client without a vendor class', { type: 'discover' }, ON_WIRE, {}, 'silence not-booting'],
  [
    'a stranger that takes an address elsewhere',
    { ...SYSTEM, ...REQUEST },
    ON_WIRE,
    {},
    `silence not-booting, ${A_HAS_150}, told dhcp.elsewhere 10.20.0.2`,
  ],
  [
    'firmware that takes an address elsewhere',
    { ...BIOS, ...REQUEST },
    ON_WIRE,
    {},
    `silence proxy-silent, ${A_HAS_150}, told dhcp.elsewhere 10.20.0.2`,
  ],
  [
    'the system of a known machine that takes an address elsewhere',
    { ...SYSTEM, ...REQUEST },
    ON_WIRE,
    { known: true },
    `silence proxy-silent, ${A_HAS_150}, told dhcp.elsewhere 10.20.0.2`,
  ],
  [
    'a client that wants its former address back',
    { ...BIOS, type: 'request', requested: ip('10.20.0.150') },
    ON_WIRE,
    {},
    `silence proxy-silent, ${A_HAS_150}, told dhcp.elsewhere`,
  ],
  [
    'a client that keeps its address, by broadcast',
    { ...BIOS, type: 'request', ciaddr: ip('10.20.0.150') },
    ON_WIRE,
    {},
    `silence proxy-silent, ${A_HAS_150}, told dhcp.elsewhere`,
  ],
  [
    'a client that requests an address of another network: no NAK, and the rack notes nothing',
    { ...BIOS, type: 'request', requested: ip('10.77.0.1') },
    ON_WIRE,
    {},
    'silence proxy-silent',
  ],
  ['a release', { ...BIOS, type: 'release', ciaddr: ip('10.20.0.150') }, ON_WIRE, {}, 'silence proxy-silent'],
  ['a decline', { ...BIOS, type: 'decline', requested: ip('10.20.0.150') }, ON_WIRE, {}, 'silence proxy-silent'],
  [
    'an INFORM of a system',
    { ...SYSTEM, type: 'inform', ciaddr: ip('10.20.0.150') },
    ON_WIRE,
    {},
    'silence not-booting',
  ],
  ['firmware without a loader', { ...BIOS, type: 'discover' }, ON_WIRE, { plan: () => undefined }, 'refused no-loader'],
  [
    'a system that asks for a boot server',
    { ...SYSTEM, type: 'request', ciaddr: ip('10.20.0.150') },
    AS_BOOT_SERVER,
    {},
    'silence not-booting',
  ],
  [
    'a DISCOVER to the boot server port',
    { ...BIOS, type: 'discover', ciaddr: ip('10.20.0.150') },
    AS_BOOT_SERVER,
    {},
    'refused message-type-unknown',
  ],
  [
    'a broadcast for another boot server',
    { ...BIOS, type: 'request', server: OTHER_SERVER, ciaddr: ip('10.20.0.150') },
    { ...ON_WIRE, bootServerPort: 68 },
    {},
    'silence other-server-chosen',
  ],
  [
    'a client that asks for a boot server where this rack gives the addresses',
    { ...BIOS, type: 'request', ciaddr: ip('10.20.0.150') },
    AS_BOOT_SERVER,
    { served: subnet() },
    'refused network-not-proxied',
  ],
];

for (const [name, words, arrival, terms, expected] of SILENT) {
  test(`${name} gets no answer`, () => assert.equal(inShort(ask(words, arrival, terms)), expected));
}

test('a broadcast to the boot server port without a server is answered', () => {
  const words: ClientWords = { ...BIOS, type: 'request', ciaddr: ip('10.20.0.150') };
  assert.equal(ask(words, { ...ON_WIRE, bootServerPort: 68 }).kind, 'reply');
});

test('an interface in proxy mode and one that gives addresses work side by side', () => {
  const own = subnet({ name: 'own', interfaceName: 'eth2', serverAddress: ip('10.21.0.1') });
  const names = planSockets(config(PROXIED, own), undefined).map(({ name, port }) => `${name}:${port}`);
  assert.deepEqual(names, ['eth1:67', 'eth2:67', '10.20.0.1:67', '10.21.0.1:67', 'eth1:4011', '10.20.0.1:4011']);
  const without = planSockets(config(own), undefined).map(({ name, port }) => `${name}:${port}`);
  assert.deepEqual(without, ['eth2:67', '10.21.0.1:67'], 'without proxy mode nothing listens on 4011');
});

test('for a proxied network behind a relay every address of the rack is a boot server', () => {
  const far = { ...relayedSubnet(), proxy: true, dynamic: undefined };
  const names = planSockets(config(subnet(), far), undefined).map(({ name, port }) => `${name}:${port}`);
  assert.deepEqual(names, ['eth1:67', '10.20.0.1:67', '10.20.0.1:4011']);
});
