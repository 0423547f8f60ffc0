// The message codec: whole, truncated, with trailing bytes, overloaded, with long options, and round trips.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DhcpMessage,
  decodeDhcpMessage,
  encodeDhcpMessage,
  MESSAGE_BYTES_MAX,
  REPLY_BYTES_MIN,
} from '../../../src/dhcp/wire/message.ts';
import { ipv4 } from '../../../src/ground/address.ts';
import { BentDatagrams, captures } from '../../conformance/bent-datagrams.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { clientBytes, clientMessage, readReply } from '../lab.ts';

const FIXED = 240;

/** A message of the fixed part and these option bytes. */
function raw(options: readonly number[], changes: (bytes: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(FIXED + options.length);
  bytes.set([1, 1, 6, 0]);
  bytes.set([0x63, 0x82, 0x53, 0x63], FIXED - 4);
  bytes.set(options, FIXED);
  changes(bytes);
  return bytes;
}

function faultOf(bytes: Uint8Array): string {
  const decoded = decodeDhcpMessage(bytes);
  return decoded.ok ? 'none' : `${decoded.fault.code} ${decoded.fault.field}`;
}

const option = (bytes: Uint8Array, code: number): readonly number[] | undefined => {
  const value = readReply(bytes).options.get(code);
  return value === undefined ? undefined : [...value];
};

test('a message cut anywhere is a fault or ends between two options', () => {
  const whole = raw([53, 1, 1, 55, 3, 1, 3, 6, 0, 0, 61, 2, 7, 7, 255]);
  const boundaries = new Set([240, 243, 248, 249, 250, 254, 255]);
  for (let length = 0; length <= whole.length; length += 1) {
    const decoded = decodeDhcpMessage(whole.subarray(0, length));
    assert.equal(decoded.ok, boundaries.has(length), `cut to ${length} bytes`);
    if (!decoded.ok) assert.equal(decoded.fault.code, 'truncated');
  }
});

test('RFC 951: a request without the magic cookie is one without options, whatever follows', () => {
  const bare = readReply(raw([53, 1, 1, 12, 200], (bytes) => bytes.set([67, 77, 85, 1], 236)));
  assert.deepEqual([bare.op, bare.options.size, bare.chaddr.length], [1, 0, 16]);
});

test('bytes after the END option are ignored', () => {
  assert.deepEqual(option(raw([53, 1, 1, 255, 53, 200]), 53), [1]);
});

test('anything but a message is a named fault', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['nothing', new Uint8Array(0), 'truncated op'],
    [
      'a reply without cookie',
      raw([], (bytes) => {
        bytes.fill(0, 236, 240);
        bytes.set([2], 0);
      }),
      'bad-value cookie',
    ],
    [
      'neither request nor reply, without cookie',
      raw([], (bytes) => bytes.fill(0, 236).fill(0, 0, 1)),
      'bad-value cookie',
    ],
    ['a hardware address of 17 bytes', raw([255], (bytes) => bytes.set([17], 2)), 'bad-length hlen'],
    ['an option code without length', raw([53]), 'truncated option 53'],
    ['an option longer than the message', raw([12, 5, 65]), 'truncated option 12'],
    ['an overload of 4', raw([52, 1, 4, 255]), 'bad-value option 52'],
    ['an overload of two bytes', raw([52, 2, 1, 1, 255]), 'bad-value option 52'],
    ['a bad option in file', raw([52, 1, 1, 255], (bytes) => bytes.set([12, 127], 108)), 'truncated option 12'],
    ['a bad option in sname', raw([52, 1, 2, 255], (bytes) => bytes.set([12, 63], 44)), 'truncated option 12'],
    ['more than a message may have', new Uint8Array(MESSAGE_BYTES_MAX + 1), 'too-long message'],
  ];
  for (const [name, bytes, fault] of cases) assert.equal(faultOf(bytes), fault, name);
});

test('RFC 3396 §5: an option in several pieces is joined in the order options, file, sname', () => {
  const bytes = raw([77, 1, 1, 52, 1, 3, 77, 1, 2, 255], (whole) => {
    whole.set([77, 1, 3, 255], 108);
    whole.set([77, 1, 4, 255], 44);
  });
  assert.deepEqual(option(bytes, 77), [1, 2, 3, 4]);
  assert.equal(option(bytes, 52), undefined);
  assert.equal(readReply(bytes).file, '');
  assert.equal(readReply(bytes).sname, '');
});

test('text fields end at their first zero byte or with the field', () => {
  const bytes = raw([255], (whole) => {
    whole.set(Buffer.from('server'), 44);
    whole.fill(0x61, 108, 236);
  });
  assert.equal(readReply(bytes).sname, 'server');
  assert.equal(readReply(bytes).file, 'a'.repeat(128));
});

test('a short message is padded to 300 bytes and ends with END and zeros', () => {
  const { bytes } = encodeDhcpMessage(clientMessage({ type: 'discover' }), 548);
  assert.equal(bytes.length, REPLY_BYTES_MIN);
  assert.equal(bytes[243], 255);
  assert.ok(bytes.subarray(244).every((byte) => byte === 0));
});

test('RFC 3396 §6: an option over 255 bytes is written in consecutive pieces', () => {
  const value = Uint8Array.from({ length: 600 }, (_, index) => index % 251);
  const { bytes, omitted } = encodeDhcpMessage(clientMessage({ type: 'discover', options: [[43, value]] }), 1472);
  assert.deepEqual(omitted, []);
  assert.deepEqual(option(bytes, 43), [...value]);
  assert.deepEqual(
    [bytes[243], bytes[244], bytes[500], bytes[501], bytes[757], bytes[758]],
    [43, 255, 43, 255, 43, 90],
  );
});

test('RFC 2132 §9.3: options that do not fit go to file and sname if those are empty', () => {
  const options = [1, 2, 3, 4].map((index) => [200 + index, new Uint8Array(index === 1 ? 250 : 50)] as const);
  const message = clientMessage({ type: 'discover', options });
  const both = encodeDhcpMessage(message, 548);
  assert.deepEqual(both.omitted, []);
  assert.equal(both.bytes.length <= 548, true);
  assert.deepEqual([...readReply(both.bytes).options.keys()].sort(), [201, 202, 203, 204, 53]);
  const named = encodeDhcpMessage({ ...message, file: 'pxelinux.0' }, 548);
  assert.equal(readReply(named.bytes).file, 'pxelinux.0');
  assert.deepEqual(named.omitted, [203, 204]);
});

test('RFC 3046 §2.2: the agent information is the last option and never yields', () => {
  const agent = Uint8Array.from({ length: 100 }, (_, index) => index);
  const options = [
    [82, agent],
    [60, new Uint8Array(190)],
    [43, new Uint8Array(200)],
  ] as const;
  const { bytes, omitted } = encodeDhcpMessage({ ...clientMessage({ type: 'discover', options }), file: 'x' }, 548);
  assert.deepEqual(omitted, [43]);
  assert.deepEqual([...readReply(bytes).options.keys()].at(-1), 82);
  assert.deepEqual(option(bytes, 82), [...agent]);
});

const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const address = u32.map(ipv4);
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
const optionCode = fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52 && code !== 82);
const options = fc.uniqueArray(fc.tuple(optionCode, fc.uint8Array({ maxLength: 300 })), {
  maxLength: 4,
  selector: ([code]) => code,
});

const message: fc.Arbitrary<DhcpMessage> = fc
  .record({
    op: u8,
    htype: u8,
    hlen: fc.integer({ min: 0, max: 16 }),
    hops: u8,
    xid: u32,
    secs: u16,
    flags: u16,
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sname: text(64),
    file: text(128),
    options,
  })
  .map((fields) => ({ ...fields, options: new Map(fields.options) }));

const plain = (value: DhcpMessage): unknown => ({
  ...value,
  chaddr: [...value.chaddr],
  options: [...value.options].map(([code, bytes]) => [code, [...bytes]]),
});

test('an encoded message decodes to the same', () => {
  fc.assert(
    fc.property(message, (value) => {
      const { bytes, omitted } = encodeDhcpMessage(value, MESSAGE_BYTES_MAX);
      assert.deepEqual(omitted, []);
      assert.deepEqual(plain(readReply(bytes)), plain(value));
    }),
  );
});

test('omitted options are named, and the rest decodes to the same', () => {
  fc.assert(
    fc.property(message, fc.integer({ min: 300, max: 1472 }), (value, limit) => {
      const { bytes, omitted } = encodeDhcpMessage(value, limit);
      assert.ok(bytes.length <= limit);
      const read = readReply(bytes).options;
      assert.deepEqual(
        [...read.keys(), ...omitted].sort((a, b) => a - b),
        [...value.options.keys()].sort((a, b) => a - b),
      );
      for (const [code, bytesRead] of read) assert.deepEqual([...bytesRead], [...(value.options.get(code) ?? [])]);
    }),
  );
});

test('a decoded message is independent: later changes of the received bytes do not change it', () => {
  const bent = new BentDatagrams(printedRandom('decoded messages'));
  const datagrams = [...captures().values(), ...Array.from({ length: 2000 }, () => bent.next())];
  // As sockets hand it over, inside memory that is reused; a Buffer's `slice` is a view.
  for (const datagram of datagrams) {
    for (const batch of [Buffer.alloc(datagram.length + 64), new Uint8Array(datagram.length + 64)]) {
      batch.set(datagram, 32);
      const borrowed = batch.subarray(32, 32 + datagram.length);
      const first = decodeDhcpMessage(borrowed);
      batch.fill(0xee);
      const second = decodeDhcpMessage(Uint8Array.from(datagram));
      assert.deepEqual(first.ok ? plain(first.value) : first, second.ok ? plain(second.value) : second);
    }
  }
});

test('no bytes make the decoder throw', () => {
  const near = clientBytes({ type: 'request', vendorClass: 'PXEClient:Arch:00007:UNDI:003000' });
  const mutated = fc.array(fc.tuple(fc.nat(near.length - 1), u8), { maxLength: 12 }).map((changes) => {
    const bytes = Uint8Array.from(near);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated), (bytes) => {
      const decoded = decodeDhcpMessage(bytes);
      if (!decoded.ok) assert.ok(decoded.fault.offset <= Math.max(bytes.length, FIXED));
    }),
    { numRuns: 2000 },
  );
});
