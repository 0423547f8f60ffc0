// Captures by tcpdump: every link type is read, truncated files give their whole packets, and no input does harm.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACKETS_MAX, readCapture } from '../../src/capture/pcap.ts';
import { formatIpv4 } from '../../src/ground/address.ts';
import { printedRandom } from '../support/printed-random.ts';
import { LINKS, packet, pcap } from './frames.ts';

const PAYLOAD = Buffer.from('\0\x01lpxelinux.0\0octet\0', 'latin1');
const PACKET = packet('10.20.0.100', 2070, '10.20.0.1', 69, PAYLOAD);

const payloadsOf = (file: Uint8Array) => readCapture(file)?.datagrams.map(({ bytes }) => Buffer.from(bytes));

for (const [name, { type, head }] of Object.entries(LINKS)) {
  test(`a datagram is found after the header of ${name}, and not in a part of its headers`, () => {
    const stored = { seconds: 1_700_000_000, fraction: 250_000, bytes: Buffer.concat([head, PACKET]) };
    const [read] = readCapture(pcap(type, [stored]))?.datagrams ?? [];
    assert.ok(read !== undefined);
    assert.equal(read.atMs, 1_700_000_000_250);
    assert.equal(formatIpv4(read.from), '10.20.0.100');
    assert.equal(read.toPort, 69);
    assert.deepEqual(Buffer.from(read.bytes), PAYLOAD);
    for (let length = 0; length < head.length + 28; length += 1)
      assert.deepEqual(payloadsOf(pcap(type, [{ ...stored, bytes: stored.bytes.subarray(0, length) }])), []);
  });
}

test('pcap is read in both byte orders, to the microsecond and the nanosecond', () => {
  for (const little of [true, false]) {
    for (const [nano, fraction] of [
      [false, 123_456],
      [true, 123_456_000],
    ] as const) {
      const capture = readCapture(pcap(101, [{ seconds: 5, fraction, bytes: PACKET }], { little, nano }));
      assert.equal(capture?.fault, undefined);
      assert.ok(Math.abs((capture?.datagrams[0]?.atMs ?? 0) - 5123.456) < 1e-6);
    }
  }
});

test('a truncated file gives the packets before the cut and names its offset', () => {
  const bytes = { seconds: 1, fraction: 0, bytes: PACKET };
  const file = pcap(101, [bytes, bytes]);
  assert.equal(payloadsOf(file)?.length, 2);
  for (let length = 24; length < file.length; length += 1) {
    const capture = readCapture(file.subarray(0, length));
    assert.equal(capture?.datagrams.length, length < 24 + 16 + PACKET.length ? 0 : 1);
    assert.ok((capture?.fault?.offset ?? 0) <= length);
  }
});

test('padding is not payload, a first fragment is read as far as it goes, and later ones are not read', () => {
  const read = (bytes: Uint8Array) => payloadsOf(pcap(101, [{ seconds: 1, fraction: 0, bytes }]));
  assert.deepEqual(read(Buffer.concat([PACKET, Buffer.alloc(20)])), [PAYLOAD]);
  const first = Buffer.from(PACKET);
  first.writeUInt16BE(0x2000, 6);
  first.writeUInt16BE(2000, 24);
  assert.deepEqual(read(first), [PAYLOAD]);
  const later = Buffer.from(PACKET);
  later.writeUInt16BE(0x0010, 6);
  assert.deepEqual(read(later), []);
});

test('bytes changed at random are read to the end or to a fault', () => {
  const random = printedRandom('mutated captures');
  const bytes = Buffer.concat([LINKS.ethernet?.head ?? Buffer.alloc(0), PACKET]);
  const whole = pcap(
    1,
    Array.from({ length: 4 }, (_, index) => ({ seconds: index, fraction: 0, bytes })),
  );
  for (let run = 0; run < 4000; run += 1) {
    const file = Buffer.from(whole);
    for (let change = 0; change <= random(4); change += 1) file[random(file.length)] = random(256);
    const capture = readCapture(file.subarray(0, file.length - random(8)));
    assert.ok((capture?.datagrams.length ?? 0) <= 4);
  }
});

test('of a file with too many packets, the first are read, and the end of reading is reported', () => {
  const record = Buffer.alloc(16);
  const capture = readCapture(Buffer.concat([pcap(101, []), Buffer.alloc(record.length * (PACKETS_MAX + 2))]));
  assert.equal(capture?.fault?.offset, 24 + record.length * PACKETS_MAX);
});
