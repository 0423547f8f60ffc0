// Replaying captures: each query gets its present answer at its own time, which is compared with the captured one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readCapture } from '../../src/capture/pcap.ts';
import { type ReplayFacts, replayDatagrams } from '../../src/capture/replay.ts';
import { CaptureClock } from '../../src/capture/replay-dns.ts';
import { parseConfig } from '../../src/config/load.ts';
import { nameReservations } from '../../src/daemon/rack/naming.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { Names } from '../../src/dns/names.ts';
import { DnsService } from '../../src/dns/service.ts';
import { mac } from '../../src/ground/address.ts';
import { borrowedPart } from '../../src/ground/borrowed-bytes.ts';
import { instant, seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip } from '../support/lab-facts.ts';
import { packet, pcap } from './frames.ts';

const AT_MS = 1_700_000_000_000;
const RACK = '10.99.0.1';

const parsed = parseConfig(`
name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: ${RACK}, network: 10.99.0.0/24, ip_range_low: 10.99.0.100, ip_range_high: 10.99.0.199 }
dns: { listen: [${RACK}], upstream: [192.0.2.53], records: [{ name: alias.maas, type: CNAME, data: example.org }] }
boot: { http: { listen: [] } }
`);
const config = parsed.ok ? parsed.config : assert.fail(JSON.stringify(parsed.problems));
const facts: ReplayFacts = {
  config,
  machines: new MachineDirectory([]),
  leases: [],
  findFileSize: (path) => (path === 'lpxelinux.0' ? 44_000 : undefined),
  interfaceName: undefined,
  ports: {},
};

function fixture(name: string): Uint8Array {
  const text = readFileSync(new URL(`../../fixtures/packets/${name}.hex`, import.meta.url), 'utf8');
  return Buffer.from(text.replaceAll(/#.*|\s/g, ''), 'hex');
}

interface Sent {
  readonly bytes: Uint8Array;
  readonly ms: number;
}

const captured = (bytes: Uint8Array, ms = 1): Sent => ({ bytes, ms });

function replay(packets: readonly Sent[], given = facts) {
  const stored = packets.map(({ bytes, ms }) => ({ seconds: AT_MS / 1000, fraction: ms * 1000, bytes }));
  return replayDatagrams(readCapture(pcap(101, stored))?.datagrams ?? [], given);
}

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

test('a DISCOVER gets its offer, and each difference from the captured one is named', () => {
  const discover = fixture('dhcp-ovmf-pxe-discover');
  const theirs = packet('10.99.0.2', 67, '255.255.255.255', 68, answer(discover, 2, '10.99.0.55'));
  const [result, ...others] = replay([captured(broadcast(discover)), captured(theirs, 2)]);
  assert.equal(others.length, 0);
  assert.equal(result?.decision, 'OFFER');
  assert.match(result?.text ?? '', /bootx64\.efi/);
  assert.equal(result?.captured, 'OFFER 10.99.0.55 from 10.99.0.2');
  assert.equal(result?.verdict, 'differs');
  const named = result?.differences.map(({ what }) => what) ?? [];
  for (const what of ['yiaddr', 'file', '51 lease time', '54 server identifier']) assert.ok(named.includes(what), what);
});

test('a REQUEST finds the offer of its DISCOVER, and never takes another client’s lease', () => {
  const discover = fixture('dhcp-ovmf-pxe-discover');
  const first = replay([captured(broadcast(discover))])[0];
  const offered = /^Offered (\S+) \(new\)/.exec(first?.text ?? '')?.[1] ?? assert.fail(first?.text);
  const lease: Lease = {
    address: ip(offered),
    mac: mac(0x525400999999),
    state: 'bound',
    grantedAt: instant(AT_MS - 1000),
    expiresAt: instant(AT_MS + 600_000),
    duration: seconds(600),
  };
  const second = replay([captured(broadcast(discover))], { ...facts, leases: [lease] })[0];
  assert.equal(second?.decision, 'OFFER');
  assert.ok(!second?.text.includes(offered), 'the address belongs to another client');
  const ended = { ...lease, expiresAt: instant(AT_MS - 1) };
  assert.equal(replay([captured(broadcast(discover))], { ...facts, leases: [ended] })[0]?.decision, 'OFFER');
});

test('an unanswered query says why', () => {
  const request = fixture('dhcp-ovmf-pxe-request');
  const relayed = Buffer.from(request);
  relayed.writeUInt32BE(ip('10.50.0.1'), 24);
  const [unknown] = replay([captured(packet('10.50.0.1', 67, RACK, 67, relayed))]);
  assert.equal(unknown?.decision, 'silence: network-unknown');
  assert.equal(unknown?.verdict, 'unanswered');
  const then = packet(RACK, 67, '10.50.0.1', 67, answer(relayed, 5, '10.50.0.9'));
  const [lost] = replay([captured(packet('10.50.0.1', 67, RACK, 67, relayed)), captured(then, 2)]);
  assert.equal(lost?.verdict, 'only-captured');
  const [broken] = replay([captured(broadcast(request.subarray(0, 200)))]);
  assert.equal(broken?.decision, 'malformed');
});

test('a file comes from the tree, a configuration is rendered, and an error is not a file', () => {
  const read = (file: string, port: number): Uint8Array =>
    packet('10.99.0.100', port, RACK, 69, Buffer.from(`\0\x01${file}\0octet\0tsize\x000\0`, 'latin1'));
  const reply = (port: number, bytes: string): Uint8Array =>
    packet(RACK, 40_000, '10.99.0.100', port, Buffer.from(bytes, 'latin1'));
  const results = replay([
    captured(read('lpxelinux.0', 2000), 1),
    captured(reply(2000, '\0\x06tsize\x0044000\0'), 2),
    captured(read('lpxelinux.0', 2001), 3),
    captured(reply(2001, '\0\x06tsize\x0041000\0'), 4),
    captured(read('pxelinux.cfg/default', 2002), 5),
    captured(read('absent', 2003), 6),
    captured(reply(2003, '\0\x05\0\x01gone\0'), 7),
    captured(read('../etc/passwd', 2004), 8),
    captured(reply(2004, '\0\x03\0\x01root'), 9),
  ]);
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

test('names are looked up in the present zones, and answers of upstreams are not judged', () => {
  const ask = (name: string, id: number, from = '10.99.0.100'): Uint8Array => {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    const head = [id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    return packet(from, 5000, RACK, 53, Uint8Array.from([...head, ...labels, 0, 0, 1, 0, 1]));
  };
  const results = replay([
    captured(ask('rack.maas', 1), 1),
    captured(ask('example.org', 2), 2),
    captured(ask('rack.maas', 3, '172.16.0.9'), 3),
  ]);
  assert.deepEqual(
    results.map(({ decision, text }) => `${decision}: ${text}`),
    [
      'answer: NOERROR to rack.maas. A: A 10.99.0.1',
      'forward: example.org would be forwarded to an upstream',
      'answer: REFUSED to rack.maas. A',
    ],
  );
});

const DNS_ID = 7;

/** A question for an A record from a client of the lab. */
function question(name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.from([0, DNS_ID, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}

/** The rack's present answer, for the tests to modify. */
function answerNow(name: string): Uint8Array {
  const service = new DnsService({
    clock: new CaptureClock(),
    publish: () => undefined,
    names: namesOfRack(),
    upstream: { send: () => undefined, stream: () => undefined, closeStream: () => undefined },
  });
  service.configure(config.dns);
  const bytes = service.handle(borrowedPart(question(name), 0, question(name).length), ip('10.99.0.100'), 'udp');
  return bytes instanceof Uint8Array ? bytes : assert.fail(`${name} is not answered here`);
}

function namesOfRack(): Names {
  const names = new Names({ serial: 1 });
  nameReservations(names, config);
  return names;
}

/** Replays another server's answer for `name`. @returns its differences from the rack's answer */
function replayAnswer(name: string, bytes: Uint8Array) {
  const asked = packet('10.99.0.100', 5000, RACK, 53, question(name));
  const answered = packet(RACK, 53, '10.99.0.100', 5000, bytes);
  const [result] = replay([captured(asked, 1), captured(answered, 2)]);
  return { verdict: result?.verdict, differences: result?.differences };
}

const AA = 0x04;
const withoutAuthority = (bytes: Uint8Array): Uint8Array => bytes.with(2, (bytes[2] ?? 0) & ~AA);
const SOA = /^maas\. SOA \S+ \S+ - \d+ \d+ \d+ \d+$/;

test('an answer like ours is the same, even with another zone serial', () => {
  for (const name of ['rack.maas', 'nobody.maas']) {
    assert.deepEqual(replayAnswer(name, answerNow(name)), { verdict: 'same', differences: [] });
  }
  const answer = answerNow('nobody.maas');
  // The serial is the first of the five numbers at the end of the message, after the names of the SOA.
  const serialAt = answer.length - 20;
  const other = answer.with(serialAt + 3, (answer[serialAt + 3] ?? 0) ^ 0xff);
  assert.deepEqual(replayAnswer('nobody.maas', other), { verdict: 'same', differences: [] });
});

test('a non-authoritative answer differs from ours, which is authoritative', () => {
  assert.deepEqual(replayAnswer('rack.maas', withoutAuthority(answerNow('rack.maas'))), {
    verdict: 'differs',
    differences: [{ what: 'authoritative', now: 'yes', captured: 'no' }],
  });
});

test('a negative answer without its zone differs from ours, which names the zone', () => {
  // NXDOMAIN without its authority section: NSCOUNT is 0, and the message ends with the question.
  const bare = answerNow('nobody.maas').with(9, 0).slice(0, question('nobody.maas').length);
  const { verdict, differences } = replayAnswer('nobody.maas', bare);
  assert.equal(verdict, 'differs');
  assert.deepEqual(
    differences?.map(({ what, captured: theirs }) => `${what}: ${theirs}`),
    ['authority: none'],
  );
  assert.match(differences?.[0]?.now ?? '', SOA);
});

test('an authoritative answer for a name that we would forward differs; its data is not judged', () => {
  const reply = (flags: number): Uint8Array => question('example.org').with(2, flags).with(3, 0x80);
  assert.deepEqual(replayAnswer('example.org', reply(0x81)), { verdict: 'same', differences: [] });
  assert.deepEqual(replayAnswer('example.org', reply(0x85)), {
    verdict: 'differs',
    differences: [{ what: 'authoritative', now: 'no', captured: 'yes' }],
  });
  // We answer with authority for an alias of ours that leads outside.
  const alias = (flags: number): Uint8Array => question('alias.maas').with(2, flags).with(3, 0x80);
  assert.equal(replayAnswer('alias.maas', alias(0x85)).verdict, 'same');
  assert.equal(replayAnswer('alias.maas', alias(0x81)).verdict, 'differs');
});
