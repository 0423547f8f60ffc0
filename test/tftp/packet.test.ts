// The TFTP codec on whole packets, truncated packets and packets with trailing bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodePacket,
  ERROR_TEXT_BYTES_MAX,
  encodeError,
  encodeOptions,
  frameBlocks,
  OPTIONS_MAX,
  REQUEST_BYTES_MAX,
  type TftpPacket,
} from '../../src/tftp/packet.ts';
import { encodeAck, encodeRequest } from './client-packet.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const DECODED: readonly (readonly [string, string, TftpPacket | string])[] = [
  [
    'a plain read request',
    '\0\x01pxelinux.0\0octet\0',
    { kind: 'read', file: 'pxelinux.0', mode: 'octet', options: [] },
  ],
  ['a mode in any case', '\0\x01a\0OcTeT\0', { kind: 'read', file: 'a', mode: 'octet', options: [] }],
  [
    'options in their own spelling',
    '\0\x01a\0octet\0blksize\x001468\0TSize\x000\0',
    {
      kind: 'read',
      file: 'a',
      mode: 'octet',
      options: [
        { name: 'blksize', value: '1468' },
        { name: 'TSize', value: '0' },
      ],
    },
  ],
  ['a request without its last zero', '\0\x01a\0octet', { kind: 'read', file: 'a', mode: 'octet', options: [] }],
  [
    'an option without its last zero',
    '\0\x01a\0octet\0blksize\x00512',
    { kind: 'read', file: 'a', mode: 'octet', options: [{ name: 'blksize', value: '512' }] },
  ],
  ['half an option', '\0\x01a\0octet\0blksize\0', { kind: 'read', file: 'a', mode: 'octet', options: [] }],
  ['padding behind the mode', '\0\x01a\0octet\0\0\0\0\0\0', { kind: 'read', file: 'a', mode: 'octet', options: [] }],
  [
    'padding behind an option',
    '\0\x01a\0octet\0tsize\x000\0\0\0\0\0',
    { kind: 'read', file: 'a', mode: 'octet', options: [{ name: 'tsize', value: '0' }] },
  ],
  [
    'an option that comes twice counts once',
    '\0\x01a\0octet\0blksize\x001\0BLKSIZE\x002\0',
    { kind: 'read', file: 'a', mode: 'octet', options: [{ name: 'blksize', value: '1' }] },
  ],
  ['a name in UTF-8', '\0\x01\xc3\xa4\0octet\0', { kind: 'read', file: 'ä', mode: 'octet', options: [] }],
  [
    'a name behind which a ROM read the end of the options',
    '\0\x01bootx64.efi\xff\0octet\0',
    { kind: 'read', file: 'bootx64.efi', mode: 'octet', options: [] },
  ],
  [
    'a name behind which a ROM read further bytes',
    '\0\x01a/lpxelinux.0\xff\xff\xffx\xc3y\0octet\0',
    { kind: 'read', file: 'a/lpxelinux.0', mode: 'octet', options: [] },
  ],
  ['a write request', '\0\x02a\0octet\0', { kind: 'write', file: 'a', mode: 'octet', options: [] }],
  ['a request without a name', '\0\x01\0octet\0', 'bad-value file name'],
  ['a name without end', '\0\x01pxelinux.0', 'truncated file name'],
  ['a request without mode', '\0\x01a\0', 'truncated mode'],
  ['a request that is too long', `\0\x01${'a'.repeat(REQUEST_BYTES_MAX)}\0octet\0`, 'too-long request'],
  ['data', '\0\x03\x01\x02xyz', { kind: 'data', block: 258, bytes: new Uint8Array(bytes('xyz')) }],
  ['empty data', '\0\x03\xff\xff', { kind: 'data', block: 65_535, bytes: new Uint8Array(0) }],
  ['an ACK', '\0\x04\x80\0', { kind: 'ack', block: 32_768 }],
  ['an ACK with padding', `\0\x04\0\x07${'\0'.repeat(40)}`, { kind: 'ack', block: 7 }],
  ['half an ACK', '\0\x04\0', 'truncated block'],
  ['an error', '\0\x05\0\x08no thanks\0', { kind: 'error', code: 8, message: 'no thanks' }],
  ['an error without text', '\0\x05\0\0', { kind: 'error', code: 0, message: '' }],
  ['an error without its last zero', '\0\x05\0\x01x', { kind: 'error', code: 1, message: 'x' }],
  ['granted options', '\0\x06tsize\x0010\0', { kind: 'options', options: [{ name: 'tsize', value: '10' }] }],
  ['nothing', '', 'truncated opcode'],
  ['one byte', '\0', 'truncated opcode'],
  ['an unknown opcode', '\0\x07abc', 'bad-value opcode'],
  ['opcode 0', '\0\0', 'bad-value opcode'],
];

for (const [name, text, expected] of DECODED) {
  test(`decodes ${name}`, () => {
    const packet = decodePacket(bytes(text));
    if (typeof expected !== 'string') assert.deepEqual(packet, { ok: true, value: expected });
    else if (packet.ok) assert.fail(JSON.stringify(packet.value));
    else assert.equal(`${packet.fault.code} ${packet.fault.field}`, expected);
  });
}

test('every packet cut at each byte, or followed by more, decodes to a value or a fault', () => {
  for (const [name, text] of DECODED) {
    const whole = bytes(text);
    for (let length = 0; length <= Math.min(whole.length, 80); length += 1) {
      const packet = decodePacket(whole.subarray(0, length));
      if (!packet.ok) assert.ok(packet.fault.offset <= length, name);
    }
    for (const more of ['\0', '\0\0\0', 'x', '\xff'.repeat(20)]) decodePacket(Buffer.concat([whole, bytes(more)]));
  }
});

test('the decoder never throws', () => {
  fc.assert(
    fc.property(fc.nat(8), fc.uint8Array({ maxLength: 600 }), (opcode, rest) => {
      decodePacket(rest);
      const packet = decodePacket(Uint8Array.from([0, opcode, ...rest]));
      if (packet.ok && 'options' in packet.value) assert.ok(packet.value.options.length <= OPTIONS_MAX);
      if (packet.ok && packet.value.kind === 'error') assert.ok(packet.value.message.length <= ERROR_TEXT_BYTES_MAX);
    }),
  );
});

test('decoded values do not change when the datagram is overwritten', () => {
  const texts = fc.constantFrom(...DECODED.map(([, text]) => text));
  const noise = fc.uint8Array({ maxLength: 600 }).map((rest) => Buffer.from(rest).toString('latin1'));
  const more = fc.tuple(texts, noise).map(([text, rest]) => text + rest);
  const headed = fc
    .tuple(fc.integer({ min: 1, max: 6 }), noise)
    .map(([op, rest]) => `\0${String.fromCharCode(op)}${rest}`);
  fc.assert(
    fc.property(fc.oneof(texts, more, headed, noise), fc.nat(255), (text, pattern) => {
      const datagram = bytes(text);
      const packet = decodePacket(datagram);
      datagram.fill(pattern);
      assert.deepEqual(packet, decodePacket(bytes(text)));
    }),
    { numRuns: 1000 },
  );
});

test('every encoded packet decodes to the same values', () => {
  const word = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\0'));
  const name = word.map((text) => text.toLowerCase());
  const option = fc.record({ name, value: word }, { noNullPrototype: true });
  const options = fc.uniqueArray(option, { maxLength: OPTIONS_MAX, selector: ({ name }) => name });
  fc.assert(
    fc.property(fc.constantFrom('read' as const, 'write' as const), word, options, (kind, file, asked) => {
      const request = { kind, file, mode: 'octet', options: asked };
      assert.deepEqual(decodePacket(encodeRequest(request)), { ok: true, value: request });
    }),
  );
  fc.assert(
    fc.property(fc.nat(0xffff), fc.stringMatching(/^[ -~]{0,200}$/), (number, text) => {
      assert.deepEqual(decodePacket(encodeAck(number)), { ok: true, value: { kind: 'ack', block: number } });
      const error = { kind: 'error', code: number, message: text };
      assert.deepEqual(decodePacket(encodeError(number, text)), { ok: true, value: error });
    }),
  );
  const granted = [{ name: 'blksize', value: '1468' }];
  assert.deepEqual(decodePacket(encodeOptions(granted)), { ok: true, value: { kind: 'options', options: granted } });
  assert.ok(encodeError(0, 'x'.repeat(1000)).length <= ERROR_TEXT_BYTES_MAX + 5);
});

test('blocks are written back to back, numbered modulo 65536, the last one short or empty', () => {
  const framed = (content: string, first: number): string => {
    const target = Buffer.from(`${' '.repeat(12)}${content}.`, 'latin1');
    frameBlocks(target, content.length, first, 3, 4);
    return target.toString('latin1');
  };
  assert.equal(framed('abcdefghij', 65_535), '\0\x03\xff\xffabcd\0\x03\0\0efgh\0\x03\0\x01ij.');
  assert.equal(framed('abcdefgh', 1), '\0\x03\0\x01abcd\0\x03\0\x02efgh\0\x03\0\x03.');
});
