// Replaying captures: each query gets the answer it would get now, at its own time, and is held against the one captured.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { CapturedPacket } from '../../src/capture/capture-file.ts';
import { readHexFile } from '../../src/capture/hex-file.ts';
import { type ReplayFacts, replayPackets } from '../../src/capture/replay.ts';
import { instant, seconds } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { mac } from '../../src/net/address.ts';
import { ip, packet } from './frames.ts';

const AT_MS = 1_700_000_000_000;
const RACK = '10.99.0.1';

const parsed = parseConfig(`
name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: ${RACK}, network: 10.99.0.0/24, ip_range_low: 10.99.0.100, ip_range_high: 10.99.0.199 }
dns: { listen: [${RACK}], upstream: [192.0.2.53] }
boot: { http: { listen: [] } }
`);
const config = parsed.ok ? parsed.config : assert.fail(JSON.stringify(parsed.problems));
const facts: ReplayFacts = {
  config,
  machines: new MachineDirectory([]),
  leases: [],
  sizeOf: (path) => (path === 'lpxelinux.0' ? 44_000 : undefined),
  interfaceName: undefined,
  ports: {},
};

function fixture(name: string): Uint8Array {
  const file = readHexFile(readFileSync(new URL(`../../fixtures/packets/${name}.hex`, import.meta.url), 'utf8'));
  return (file.ok ? file.payloads[0]?.bytes : undefined) ?? assert.fail(name);
}

const captured = (bytes: Uint8Array, number = 1, ms = number): CapturedPacket => {
  return { number, atMs: AT_MS + ms, linkType: 101, interfaceName: undefined, bytes, originalBytes: bytes.length };
};

const broadcast = (payload: Uint8Array): Uint8Array => packet('0.0.0.0', 68, '255.255.255.255', 67, payload);

/** An OFFER or ACK of another server to the query, written by hand. */
function answer(query: Uint8Array, type: number, yiaddr: string): Buffer {
  const bytes = Buffer.alloc(300);
  bytes.set(query.subarray(0, 44));
  bytes[0] = 2;
  bytes.writeUInt32BE(ip(yiaddr), 16);
  bytes.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, 54, 4, 10, 99, 0, 2, 255], 236);
  return bytes;
}

test('a DISCOVER gets its offer, and each difference to the captured one is named', () => {
  const discover = fixture('dhcp-ovmf-pxe-discover');
  const theirs = packet('10.99.0.2', 67, '255.255.255.255', 68, answer(discover, 2, '10.99.0.55'));
  const [result, ...others] = replayPackets([captured(broadcast(discover)), captured(theirs, 2)], facts);
  assert.equal(others.length, 0);
  assert.equal(result?.decision, 'OFFER');
  assert.match(result?.text ?? '', /bootx64\.efi/);
  assert.equal(result?.captured, 'OFFER 10.99.0.55 from 10.99.0.2');
  assert.equal(result?.verdict, 'differs');
  const named = result?.differences.map(({ what }) => what) ?? [];
  for (const what of ['yiaddr', 'file', '51 lease time', '54 server identifier']) assert.ok(named.includes(what), what);
});

test('a REQUEST finds the offer of its DISCOVER, and takes nothing from a lease of another', () => {
  const discover = fixture('dhcp-ovmf-pxe-discover');
  const first = replayPackets([captured(broadcast(discover))], facts)[0];
  const offered = /offered (\S+?),/.exec(first?.text ?? '')?.[1] ?? assert.fail(first?.text);
  const lease: Lease = {
    address: ip(offered),
    mac: mac(0x525400999999),
    state: 'bound',
    grantedAt: instant(AT_MS - 1000),
    expiresAt: instant(AT_MS + 600_000),
    duration: seconds(600),
  };
  const second = replayPackets([captured(broadcast(discover))], { ...facts, leases: [lease] })[0];
  assert.equal(second?.decision, 'OFFER');
  assert.ok(!second?.text.includes(offered), 'the address is somebody else’s');
  const ended = { ...lease, expiresAt: instant(AT_MS - 1) };
  assert.equal(replayPackets([captured(broadcast(discover))], { ...facts, leases: [ended] })[0]?.decision, 'OFFER');
});

test('a query that is not answered says why', () => {
  const request = fixture('dhcp-ovmf-pxe-request');
  const relayed = Buffer.from(request);
  relayed.writeUInt32BE(ip('10.50.0.1'), 24);
  const [unknown] = replayPackets([captured(packet('10.50.0.1', 67, RACK, 67, relayed))], facts);
  assert.equal(unknown?.decision, 'silence: network-unknown');
  assert.equal(unknown?.verdict, 'unanswered');
  const then = packet(RACK, 67, '10.50.0.1', 67, answer(relayed, 5, '10.50.0.9'));
  const [lost] = replayPackets([captured(packet('10.50.0.1', 67, RACK, 67, relayed)), captured(then, 2)], facts);
  assert.equal(lost?.verdict, 'only-captured');
  const [broken] = replayPackets([captured(broadcast(request.subarray(0, 200)))], facts);
  assert.equal(broken?.decision, 'malformed');
});

test('a file is asked of the tree, a configuration is rendered, and an error is no file', () => {
  const read = (file: string, port: number): Uint8Array =>
    packet('10.99.0.100', port, RACK, 69, Buffer.from(`\0\x01${file}\0octet\0tsize\x000\0`, 'latin1'));
  const reply = (port: number, bytes: string): Uint8Array =>
    packet(RACK, 40_000, '10.99.0.100', port, Buffer.from(bytes, 'latin1'));
  const results = replayPackets(
    [
      captured(read('lpxelinux.0', 2000), 1),
      captured(reply(2000, '\0\x06tsize\x0044000\0'), 2),
      captured(read('lpxelinux.0', 2001), 3),
      captured(reply(2001, '\0\x06tsize\x0041000\0'), 4),
      captured(read('pxelinux.cfg/default', 2002), 5),
      captured(read('absent', 2003), 6),
      captured(reply(2003, '\0\x05\0\x01gone\0'), 7),
      captured(read('../etc/passwd', 2004), 8),
      captured(reply(2004, '\0\x03\0\x01root'), 9),
    ],
    facts,
  );
  assert.deepEqual(
    results.map(({ decision, verdict, differences }) => [
      decision,
      verdict,
      differences.map(({ what }) => what).join(),
    ]),
    [
      ['file', 'same', ''],
      ['file', 'differs', 'size'],
      ['rendered', 'only-now', ''],
      ['error', 'same', ''],
      ['error', 'differs', 'answer'],
    ],
  );
});

test('names are asked of the present zones, and what an upstream would say is not judged', () => {
  const ask = (name: string, id: number, from = '10.99.0.100'): Uint8Array => {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    const head = [id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    return packet(from, 5000, RACK, 53, Uint8Array.from([...head, ...labels, 0, 0, 1, 0, 1]));
  };
  const results = replayPackets(
    [
      captured(ask('rack.maas', 1), 1),
      captured(ask('example.org', 2), 2),
      captured(ask('rack.maas', 3, '172.16.0.9'), 3),
    ],
    facts,
  );
  assert.deepEqual(
    results.map(({ decision, text }) => `${decision}: ${text}`),
    [
      'answer: NOERROR to rack.maas. A: A 10.99.0.1',
      'forward: an upstream would be asked for example.org',
      'answer: REFUSED to rack.maas. A',
    ],
  );
});
