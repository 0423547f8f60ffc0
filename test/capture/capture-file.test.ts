// Capture files and their packets: every format is read, truncated files give their whole packets, and no input does harm.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACKETS_MAX, readCapture } from '../../src/capture/capture-file.ts';
import { Conversation } from '../../src/capture/conversation.ts';
import { readHexFile } from '../../src/capture/hex-file.ts';
import { findDatagram } from '../../src/capture/link-layer.ts';
import { readInput } from '../../src/capture/read-input.ts';
import { formatIpv4 } from '../../src/net/address.ts';
import { printedRandom } from '../support/printed-random.ts';
import { LINKS, packet, pcap, pcapng } from './frames.ts';

const PAYLOAD = Buffer.from('\0\x01lpxelinux.0\0octet\0', 'latin1');
const PACKET = packet('10.20.0.100', 2070, '10.20.0.1', 69, PAYLOAD);

for (const [name, { type, head }] of Object.entries(LINKS)) {
  test(`a datagram is found after the header of ${name}`, () => {
    const stored = { seconds: 1_700_000_000, fraction: 250_000, bytes: Buffer.concat([head, PACKET]) };
    const [read] = readCapture(pcap(type, [stored]))?.packets ?? [];
    assert.ok(read !== undefined);
    assert.equal(read.atMs, 1_700_000_000_250);
    const found = findDatagram(read);
    assert.ok(found.kind === 'udp', JSON.stringify(found));
    assert.equal(formatIpv4(found.from), '10.20.0.100');
    assert.equal(found.toPort, 69);
    assert.deepEqual(Buffer.from(found.bytes), PAYLOAD);
    assert.equal(found.incomplete, undefined);
    assert.deepEqual(found.vlans, { 'VLAN 7': [7], 'VLAN 7 in 100': [100, 7] }[name] ?? []);
    // Truncated anywhere, it is another packet, or is reported as incomplete.
    for (let length = 0; length < read.bytes.length; length += 1) {
      const cut = findDatagram({ ...read, bytes: read.bytes.subarray(0, length) });
      assert.ok(cut.kind === 'other' || cut.incomplete !== undefined, `${length} bytes`);
    }
  });
}

test('pcap is read in both byte orders, to the microsecond and the nanosecond', () => {
  for (const little of [true, false]) {
    for (const [nano, fraction] of [
      [false, 123_456],
      [true, 123_456_000],
    ] as const) {
      const file = pcap(101, [{ seconds: 5, fraction, bytes: PACKET }], { little, nano });
      const capture = readCapture(file);
      assert.equal(capture?.fault, undefined);
      assert.ok(Math.abs((capture?.packets[0]?.atMs ?? 0) - 5123.456) < 1e-6);
    }
  }
});

test('pcapng is read in both byte orders, with its interface, resolution and offset', () => {
  const cases: readonly (readonly [options: Parameters<typeof pcapng>[2], ticks: bigint, atMs: number])[] = [
    [{}, 1_700_000_000_250_000n, 1_700_000_000_250],
    [{ resolution: 9 }, 1_700_000_000_250_000_000n, 1_700_000_000_250],
    [{ resolution: 0x80 | 10 }, 1024n * 7n + 512n, 7500],
    [{ resolution: 3, offset: 100n }, 1000n, 101_000],
  ];
  for (const little of [true, false]) {
    for (const [options, ticks, atMs] of cases) {
      const capture = readCapture(pcapng(101, [{ ticks, bytes: PACKET }], { ...options, little }));
      assert.equal(capture?.format, 'pcapng');
      assert.equal(capture?.fault, undefined);
      const [read] = capture?.packets ?? [];
      assert.ok(Math.abs((read?.atMs ?? 0) - atMs) < 0.01, `${read?.atMs}`);
      assert.equal(read?.interfaceName, 'eth1');
    }
  }
});

test('a packet with an impossible time has no time, and later packets keep theirs', () => {
  const file = pcapng(
    101,
    [1_700_000_000n, 0xffff_ffff_0000_0001n, 1_700_000_001n].map((ticks) => ({ ticks, bytes: PACKET })),
    { resolution: 0 },
  );
  assert.deepEqual(
    readCapture(file)?.packets.map(({ atMs }) => atMs),
    [1_700_000_000_000, undefined, 1_700_000_001_000],
  );
  const before = pcapng(101, [{ ticks: 1n, bytes: PACKET }], { offset: -2n });
  assert.equal(readCapture(before)?.packets[0]?.atMs, undefined);
});

test('a truncated file gives the packets before the cut and names its offset', () => {
  const bytes = { seconds: 1, fraction: 0, bytes: PACKET };
  for (const file of [
    pcap(101, [bytes, bytes]),
    pcapng(101, [
      { ticks: 1n, bytes: PACKET },
      { ticks: 2n, bytes: PACKET },
    ]),
  ]) {
    assert.equal(readCapture(file)?.packets.length, 2);
    let whole = 0;
    for (let length = 4; length < file.length; length += 1) {
      const capture = readCapture(file.subarray(0, length));
      assert.ok(capture !== undefined);
      assert.ok(capture.packets.length >= whole && capture.packets.length < 2, `${length} bytes`);
      whole = capture.packets.length;
      // Only after a whole record could the file simply have ended.
      if (capture.fault !== undefined) assert.ok(capture.fault.offset <= length);
    }
  }
});

test('a fragment, a packet truncated by the capture and one with a false length are reported as such', () => {
  const read = (bytes: Uint8Array, originalBytes = bytes.length) =>
    findDatagram({ number: 1, atMs: 0, linkType: 101, interfaceName: undefined, bytes, originalBytes });
  const first = Buffer.from(PACKET);
  first.writeUInt16BE(0x2000, 6);
  first.writeUInt16BE(2000, 24);
  assert.match((read(first) as { incomplete?: string }).incomplete ?? '', /first fragment/);
  const later = Buffer.from(PACKET);
  later.writeUInt16BE(0x0010, 6);
  assert.deepEqual(read(later), { kind: 'other', what: 'a later fragment' });
  assert.match(
    (read(PACKET.subarray(0, 40), PACKET.length) as { incomplete?: string }).incomplete ?? '',
    /truncated by the capture/,
  );
  const lie = Buffer.from(PACKET);
  lie.writeUInt16BE(9000, 24);
  assert.match((read(lie) as { incomplete?: string }).incomplete ?? '', /claims/);
  const padded = findDatagram({
    number: 1,
    atMs: 0,
    linkType: 101,
    interfaceName: undefined,
    bytes: Buffer.concat([PACKET, Buffer.alloc(20)]),
    originalBytes: 0,
  });
  assert.ok(padded.kind === 'udp' && padded.bytes.length === PAYLOAD.length, 'padding is not payload');
});

test('hexadecimal payloads are separated by empty lines and comments', () => {
  const file = readHexFile('# first\n00 01 02\n03\n\n# second\n# of two\n0a:0b\n# third\nff\n');
  assert.ok(file.ok);
  assert.deepEqual(
    file.payloads.map(({ comment, bytes }) => [comment, Buffer.from(bytes).toString('hex')]),
    [
      ['first', '00010203'],
      ['second of two', '0a0b'],
      ['third', 'ff'],
    ],
  );
  assert.deepEqual(readHexFile('00\n0\n'), { ok: false, line: 2 });
  assert.equal(readInput(Buffer.from('\x7fELF\0\0')).kind, 'unknown');
  assert.equal(readInput(Buffer.alloc(0)).kind, 'unknown');
});

test('bytes changed at random are read to the end or to a fault, and described, without harm', () => {
  const random = printedRandom('mutated captures');
  const head = LINKS.ethernet?.head ?? Buffer.alloc(0);
  const bytes = Buffer.concat([head, PACKET]);
  const files = [
    pcap(
      1,
      Array.from({ length: 4 }, (_, index) => ({ seconds: index, fraction: 0, bytes })),
    ),
    pcapng(
      1,
      Array.from({ length: 4 }, (_, index) => ({ ticks: BigInt(index), bytes })),
    ),
  ];
  for (let run = 0; run < 4000; run += 1) {
    const file = Buffer.from(files[run % 2] ?? bytes);
    for (let change = 0; change <= random(4); change += 1) file[random(file.length)] = random(256);
    const capture = readCapture(file.subarray(0, file.length - random(8)));
    assert.ok((capture?.packets.length ?? 0) <= file.length);
    const conversation = new Conversation();
    for (const read of capture?.packets ?? []) {
      const found = findDatagram(read);
      if (found.kind === 'udp') assert.equal(typeof conversation.describe(found).summary, 'string');
    }
  }
});

test('of a file with too many packets, the first are read, and the end of reading is reported', () => {
  const record = Buffer.alloc(16);
  const file = Buffer.concat([pcap(101, []), Buffer.alloc(record.length * (PACKETS_MAX + 2))]);
  const capture = readCapture(file);
  assert.equal(capture?.packets.length, PACKETS_MAX);
  assert.equal(capture?.fault?.offset, 24 + record.length * PACKETS_MAX);
  assert.match(capture?.fault?.text ?? '', /only the first 1000000 packets/);
});
