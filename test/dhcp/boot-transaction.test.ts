// What a boot client said in its DISCOVER holds for the whole transaction: its ACK repeats what the OFFER said (RFC 2131 §4.3.1), whatever its
// REQUEST leaves out. The messages are those of public reports: a Raspberry Pi 4 leaves out option 60.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { INTRODUCTIONS_MAX, OFFER_HOLD_MS } from '../../src/dhcp/leases/offers.ts';
import { type DhcpSubnet, PROXY_PORT } from '../../src/dhcp/networks/config.ts';
import { indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { Responder } from '../../src/dhcp/responder.ts';
import type { DhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION, optionText, optionU32, textBytes } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, mac } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { bootConfig } from '../boot/rack.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import {
  type ClientWords,
  clientBytes,
  config,
  ON_WIRE,
  readReply,
  relayedSubnet,
  subnet,
  TestJournal,
} from './lab.ts';

const { vendorClass, userClass, clientArchitecture, clientUuid, parameterRequestList, ipxe } = OPTION;
type Options = NonNullable<ClientWords['options']>;

const LIST = [parameterRequestList, Uint8Array.of(1, 3, 43, 60, 66, 67)] as const;
const BIOS = [clientArchitecture, Uint8Array.of(0, 0)] as const;
const PXE_BIOS = [vendorClass, textBytes('PXEClient:Arch:00000:UNDI:002001')] as const;
const PI_UUID = [clientUuid, Uint8Array.of(0, ...textBytes('RPi4'), ...new Uint8Array(12))] as const;
const PI: Options = [LIST, BIOS, PI_UUID, PXE_BIOS];
const IPXE: Options = [LIST, BIOS, PXE_BIOS, [userClass, textBytes('iPXE')], [ipxe, Uint8Array.of(1, 1, 1)]];
const OWN_MAC = hw('02:11:22:33:44:55');
const SYSTEM: Options = [LIST, [vendorClass, textBytes('Linux')]];
const U_BOOT: Options = [
  [vendorClass, textBytes('U-Boot.armv8')],
  [clientArchitecture, Uint8Array.of(0, 22)],
];

function start(changes: Partial<DhcpSubnet> = {}, ...others: readonly DhcpSubnet[]) {
  const clock = new VirtualClock();
  const journal = new TestJournal();
  const events: RackEvent[] = [];
  const replies: DhcpMessage[] = [];
  const responder = new Responder({
    clock,
    journal,
    table: new LeaseTable(),
    identifyClient: identifyBootClient,
    planBoot: (query) => planBoot(query, bootConfig()),
    publish: (event) => void events.push(event),
    machines: () => new MachineDirectory([]),
    transmit: (batch) => {
      for (const { datagram } of batch) replies.push(readReply(datagram.bytes));
      return new Set();
    },
  });
  const served = config(subnet(changes), ...others);
  responder.setSubnets(indexSubnets(served, undefined), served);
  const say = (words: ClientWords, arrival = ON_WIRE): DhcpMessage | undefined => {
    responder.receive(
      [{ bytes: clientBytes({ mac: OWN_MAC, ...words }), from: words.ciaddr ?? ANY, fromPort: 68 }],
      arrival,
    );
    journal.commit();
    return replies.pop();
  };
  const discover = (options: Options, words: ClientWords = {}): DhcpMessage =>
    say({ type: 'discover', options, ...words }) ?? assert.fail('no offer');
  const take = (requested: Ipv4, options: Options, words: ClientWords = {}): DhcpMessage =>
    say({ type: 'request', requested, server: RACK, options, ...words }) ?? assert.fail('no ack');
  return { clock, events, say, discover, take };
}

/** Everything that tells a client how long to keep its address and what to load. */
const told = ({ siaddr, file, sname, options }: DhcpMessage) => ({
  siaddr,
  file,
  sname,
  seconds: optionU32(options, OPTION.leaseTime),
  options: [1, 3, 6, 15, 43, 60, 66, 67, 175, 210].map((code) =>
    Buffer.from(options.get(code) ?? []).toString('latin1'),
  ),
});

const CASES: readonly [string, Options, readonly number[]][] = [
  ['its vendor class', PI, [vendorClass]],
  ['its architecture', PI, [clientArchitecture]],
  ['its UUID', PI, [clientUuid]],
  ['its request list', PI, [parameterRequestList]],
  ['everything', PI, PI.map(([code]) => code)],
  ['the marks of iPXE', IPXE, [userClass, ipxe]],
  ['the signs of U-Boot', U_BOOT, U_BOOT.map(([code]) => code)],
];
for (const [name, options, missing] of CASES) {
  test(`a REQUEST without ${name} gets what its OFFER said, also when it is repeated`, () => {
    const { clock, discover, take } = start();
    const offer = discover(options);
    assert.notEqual(offer.siaddr, ANY);
    assert.equal(optionU32(offer.options, OPTION.leaseTime), 30);
    const rest = options.filter(([code]) => !missing.includes(code));
    assert.deepEqual(told(take(offer.yiaddr, rest)), told(offer));
    clock.advance(4000);
    assert.deepEqual(told(take(offer.yiaddr, rest)), told(offer));
  });
}

test('a REQUEST with another transaction number that accepts the offer belongs to it', () => {
  const { discover, take } = start();
  const offer = discover(PI);
  assert.deepEqual(told(take(offer.yiaddr, [LIST, BIOS], { xid: 0x9999 })), told(offer));
});

test('a new DISCOVER is a new transaction: firmware, its loader, its system', () => {
  const { discover, take } = start();
  const pxe = discover([LIST, BIOS, PXE_BIOS]);
  const loader = discover(IPXE, { xid: 2 });
  assert.deepEqual(
    [optionText(pxe.options, 67), optionText(loader.options, 67)],
    ['lpxelinux.0', 'http://10.20.0.1:5248/ipxe.cfg'],
  );
  assert.deepEqual(told(take(loader.yiaddr, [LIST], { xid: 2 })), told(loader));
  const system = discover(SYSTEM, { xid: 3 });
  for (const options of [SYSTEM, [LIST]]) {
    const ack = take(system.yiaddr, options, { xid: 3 });
    assert.deepEqual([ack.file, optionU32(ack.options, OPTION.leaseTime)], ['', 600]);
  }
});

test('a system that asks for the address of its firmware is not the firmware, nor is one that comes later', () => {
  const { clock, say, discover, take } = start();
  const offer = discover(PI);
  take(offer.yiaddr, [LIST]);
  const reboot = say({ type: 'request', xid: 7, requested: offer.yiaddr, options: [LIST] });
  assert.deepEqual([reboot?.options.has(43), reboot && optionU32(reboot.options, OPTION.leaseTime)], [false, 600]);
  clock.advance(OFFER_HOLD_MS);
  assert.equal(take(offer.yiaddr, [LIST]).options.has(43), false);
});

const OTHER_WIRE = { interfaceName: 'eth2', localAddress: ANY };
const OTHER: DhcpSubnet = {
  ...relayedSubnet(),
  name: 'other',
  interfaceName: 'eth2',
  serverAddress: ip('10.30.0.254'),
  broadcast: ip('10.30.0.255'),
};
for (const [name, other] of [
  ['another network', OTHER],
  ['a network in proxy mode', { ...OTHER, proxy: true, dynamic: undefined }],
] as const) {
  for (const [words, options] of [
    ['other words', U_BOOT],
    ['no words of a boot client', SYSTEM],
  ] as const) {
    test(`a DISCOVER under the same hardware address on ${name}, with ${words}, is another client's`, () => {
      const { say, discover, take } = start({}, other);
      const offer = discover(PI);
      say({ type: 'discover', xid: 9, options }, OTHER_WIRE);
      assert.deepEqual(told(take(offer.yiaddr, [LIST])), told(offer));
    });
  }
}

test('DISCOVERs in invented names on a network in proxy mode cost no boot client of another network its file', () => {
  const { say, discover, take } = start({}, { ...OTHER, proxy: true, dynamic: undefined });
  const offer = discover(PI);
  for (let index = 0; index <= INTRODUCTIONS_MAX; index += 1)
    assert.ok(say({ mac: mac(OWN_MAC + index), type: 'discover', options: PI }, OTHER_WIRE));
  assert.deepEqual(told(take(offer.yiaddr, [LIST])), told(offer));
});

test('in proxy mode, too, a REQUEST to the boot server belongs to its DISCOVER', () => {
  const { say, discover } = start({ proxy: true, dynamic: undefined, static: undefined });
  const offer = discover(PI);
  const arrival = { interfaceName: undefined, localAddress: RACK, bootServerPort: PROXY_PORT };
  const ack = say({ type: 'request', ciaddr: (RACK + 1) as Ipv4, options: [LIST] }, arrival);
  assert.deepEqual(ack && told(ack), told(offer));
});

test('U-Boot gets the server without a file, with and without another DHCP server; an event says what to set', () => {
  for (const changes of [{}, { proxy: true, dynamic: undefined, static: undefined }]) {
    const { events, discover } = start(changes);
    const { siaddr, file, options } = discover(U_BOOT);
    assert.deepEqual(
      [formatIpv4(siaddr), optionText(options, 66), file, options.has(67)],
      ['10.20.0.1', '10.20.0.1', '', false],
    );
    const [event] = events.filter(({ kind }) => kind === 'dhcp.offer');
    assert.partialDeepStrictEqual(event, { client: 'u-boot', architecture: 22, file: undefined });
  }
});

test('an event names a boot client whose signs contradict each other', () => {
  const { events, discover } = start();
  discover([[clientArchitecture, Uint8Array.of(0, 7)], PXE_BIOS]);
  const [event] = events.filter(({ kind }) => kind === 'dhcp.offer');
  const contradiction = 'option 60 PXEClient:Arch:00000:UNDI:002001, option 93 7';
  assert.partialDeepStrictEqual(event, { client: 'uefi', architecture: 7, contradiction });
});

test('InfiniBand gets no answer, and the event names the client by what it has', () => {
  const { events, say } = start();
  const options = [
    [OPTION.clientIdentifier, Uint8Array.of(255, 1, 2, 3)],
    [vendorClass, textBytes('PXEClient')],
  ] as const;
  assert.equal(say({ type: 'discover', htype: 32, hlen: 0, options }), undefined);
  const [event] = events.filter(({ kind }) => kind === 'dhcp.refused');
  assert.partialDeepStrictEqual(event, {
    reason: 'hardware-unsupported',
    hardwareType: 32,
    clientId: '0xff010203',
    vendorClass: 'PXEClient',
  });
});
