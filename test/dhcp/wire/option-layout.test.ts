// The layout of options: any message fits or its left-out options are named, and a client reads back what was written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DhcpMessage, encodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import { textBytes } from '../../../src/dhcp/wire/options.ts';
import { clientMessage, readReply } from '../lab.ts';

const FILE_AT = 108;
const SNAME_AT = 44;

const filled = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7) % 251);

const messageWith = (
  options: readonly (readonly [number, Uint8Array])[],
  fields: Partial<DhcpMessage> = {},
): DhcpMessage => ({ ...clientMessage({ type: 'ack', options }), ...fields });

test('options that fit the option field are there, in order, and both fields keep their text', () => {
  const { bytes, omitted } = encodeDhcpMessage(messageWith([[43, filled(250)]], { file: 'a', sname: 'b' }), 548);
  const read = readReply(bytes);
  assert.deepEqual([read.file, read.sname, [...read.options.keys()], omitted], ['a', 'b', [53, 43], []]);
});

test('RFC 2132 §9.4: a boot file that option 67 repeats yields its field to options without other room', () => {
  const options = [
    [67, textBytes('pxelinux.0\0')],
    [43, filled(255)],
    [224, filled(60)],
    [225, filled(50)],
  ] as const;
  const { bytes, omitted } = encodeDhcpMessage(messageWith(options, { file: 'pxelinux.0' }), 548);
  assert.deepEqual(omitted, []);
  const read = readReply(bytes);
  assert.equal(read.file, '');
  assert.deepEqual([...(read.options.get(67) ?? [])], [...textBytes('pxelinux.0\0')]);
  assert.deepEqual([...(read.options.get(224) ?? [])], [...filled(60)]);
});

test('a field keeps a text that no option repeats, or whose option does not fit itself', () => {
  const other = [
    [67, textBytes('other.0')],
    [43, filled(255)],
    [224, filled(100)],
  ] as const;
  const kept = encodeDhcpMessage(messageWith(other, { file: 'pxelinux.0' }), 548);
  assert.deepEqual([readReply(kept.bytes).file, kept.omitted], ['pxelinux.0', [224]]);
  const file = 'x'.repeat(127);
  const crowded = [
    [43, filled(255)],
    [224, filled(120)],
    [67, textBytes(file)],
  ] as const;
  const lost = encodeDhcpMessage(messageWith(crowded, { file }), 548);
  assert.equal(readReply(lost.bytes).file, file);
});

test('RFC 3396 §7: a long option continues from the option field into file and then into sname', () => {
  const value = filled(460);
  const { bytes, omitted } = encodeDhcpMessage(messageWith([[43, value]]), 548);
  assert.deepEqual(omitted, []);
  assert.ok(bytes.length <= 548);
  assert.deepEqual([...(readReply(bytes).options.get(43) ?? [])], [...value]);
  assert.deepEqual([bytes[FILE_AT], bytes[SNAME_AT]], [43, 43]);
  assert.equal(encodeDhcpMessage(messageWith([[43, filled(485)]]), 548).omitted.length, 1);
});

test('an option of at most 255 bytes is never divided', () => {
  const { bytes, omitted } = encodeDhcpMessage(
    messageWith([
      [43, filled(200)],
      [224, filled(200)],
    ]),
    548,
  );
  assert.deepEqual(omitted, [224]);
  assert.equal(readReply(bytes).options.has(224), false);
});

test('RFC 2131 table 3: a NAK puts options into neither field', () => {
  const nak = {
    ...clientMessage({
      type: 'nak',
      options: [
        [56, filled(250)],
        [61, filled(100)],
      ],
    }),
  };
  const { bytes, omitted } = encodeDhcpMessage(nak, 548);
  // RFC 6842 §3: the identifier is echoed to its sender.
  assert.deepEqual(omitted, [56]);
  assert.ok(bytes.subarray(SNAME_AT, FILE_AT + 128).every((byte) => byte === 0));
});

test('agent information comes on top of the client’s limit, within the whole; if left out, no option gets its room', () => {
  const own = [43, filled(200)] as const;
  const table: readonly (readonly [agentBytes: number, others: number, omitted: readonly number[]])[] = [
    [250, 1, []],
    [900, 1, []],
    [900, 3, [226]],
    [1000, 1, []],
    [1000, 3, [225, 226]],
    [1190, 0, [43]],
    [1191, 0, [82]],
    [1191, 3, [82, 226]],
  ];
  for (const [agentBytes, others, expected] of table) {
    const more = Array.from({ length: others }, (_, index) => [224 + index, filled(80)] as const);
    const { bytes, omitted } = encodeDhcpMessage(messageWith([[82, filled(agentBytes)], own, ...more]), 548, 1472);
    const name = `${agentBytes} bytes and ${others}`;
    assert.deepEqual(omitted, expected, name);
    const read = readReply(bytes).options.get(82)?.length ?? 0;
    assert.equal(read, expected.includes(82) ? 0 : agentBytes, name);
    assert.ok(
      bytes.length <= 1472 && bytes.length - read - 2 * Math.ceil(read / 255) <= 548,
      `${name}: ${bytes.length}`,
    );
  }
});

const code = fc.integer({ min: 1, max: 254 }).filter((one) => one !== 52 && one !== 53);
const bootText = fc.constantFrom('', 'pxelinux.0', 'x'.repeat(127));
const longOrShort = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 200, maxLength: 700 }));

test('any options fit or are named, and the written ones are read back whole; a text yields only to an option that repeats it', () => {
  const anyMessage = fc.record({
    options: fc.uniqueArray(fc.tuple(code, longOrShort), { maxLength: 12, selector: ([one]) => one }),
    file: bootText,
    sname: fc.constantFrom('', 'tftp.example'),
    repeated: fc.boolean(),
  });
  fc.assert(
    fc.property(anyMessage, fc.integer({ min: 300, max: 1472 }), ({ options, file, sname, repeated }, limit) => {
      const map = new Map<number, Uint8Array>([[53, Uint8Array.of(5)]]);
      if (repeated) map.set(67, textBytes(`${file}\0`)).set(66, textBytes(sname));
      for (const [one, value] of options) if (!(repeated && (one === 66 || one === 67))) map.set(one, value);
      const { bytes, omitted } = encodeDhcpMessage({ ...clientMessage({}), file, sname, options: map }, limit);
      assert.ok(bytes.length <= limit, `${bytes.length} bytes`);
      const read = readReply(bytes);
      const sorted = (codes: Iterable<number>): number[] => [...codes].sort((a, b) => a - b);
      assert.deepEqual(sorted([...read.options.keys(), ...omitted]), sorted(map.keys()));
      for (const [one, value] of read.options) assert.deepEqual(Buffer.from(value), Buffer.from(map.get(one) ?? []));
      const saysFile = read.file === file || Buffer.from(read.options.get(67) ?? []).toString('latin1') === `${file}\0`;
      const saysName = read.sname === sname || Buffer.from(read.options.get(66) ?? []).toString('latin1') === sname;
      assert.ok(saysFile || (file.length === 0 && read.file === ''));
      assert.ok(saysName || sname === '');
    }),
    { numRuns: 1500 },
  );
});
