// A server's messages are checked before the driver reads them, however they arrive. In the long suite a row that is too large costs its
// request, not the process.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MessageFault, ServerMessages } from '../../../src/store/postgres/server-messages.ts';

const message = (type: string, ...parts: readonly (string | Buffer)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from(type), number(4, 4 + content.length), content]);
};

function number(bytes: number, value: number): Buffer {
  const made = Buffer.alloc(bytes);
  made.writeIntBE(value, 0, bytes);
  return made;
}

const row = (...values: readonly (string | undefined)[]): Buffer =>
  message(
    'D',
    number(2, values.length),
    ...values.flatMap((value) => (value === undefined ? [number(4, -1)] : [number(4, value.length), value])),
  );
const column = (name: string): Buffer => Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(18)]);
const fields = (severity: string): string => `S${severity}\0V${severity}\0C40001\0Mnot now\0\0`;

const MESSAGES: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a log-in without a password', message('R', number(4, 0))],
  ['a demand of a password', message('R', number(4, 3))],
  ['a demand of a password with a salt', message('R', number(4, 5), 'salt')],
  ['an offer of SASL', message('R', number(4, 10), 'SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0')],
  ['a step of SASL', message('R', number(4, 11), 'r=x')],
  ['the end of SASL', message('R', number(4, 12), 'v=x')],
  ['a setting', message('S', 'TimeZone\0UTC\0')],
  ['the key of the connection', message('K', number(4, 1), number(4, 2))],
  ...['1', '2', '3', 'n', 'I'].map((type) => [`an empty message ${type}`, message(type)] as const),
  ['the types of parameters', message('t', number(2, 2), number(4, 20), number(4, 25))],
  ['the columns', message('T', number(2, 2), column('id'), column('name'))],
  ['a row', row('1', '', undefined, 'a name')],
  ['a row without values', row()],
  ['the end of a statement', message('C', 'SELECT 1\0')],
  ['a notice', message('N', fields('NOTICE'))],
  ['an error', message('E', fields('ERROR'))],
  ['a notification', message('A', number(4, 7), 'rackboot_changed\0x\0')],
  ['readiness', message('Z', 'T')],
];
const ALL = Buffer.concat(MESSAGES.map(([, bytes]) => bytes));

/** The first fault in the bytes, which come in pieces. */
function faultOf(bytes: Uint8Array, cut = bytes.length, largest?: number): MessageFault | undefined {
  const messages = new ServerMessages(largest);
  for (let at = 0; at < bytes.length; at += cut) {
    const fault = messages.faultIn(bytes.subarray(at, at + cut));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

describe('the messages of a server', () => {
  for (const cut of [1, 2, 3, 7, 1000])
    test(`whole ones pass in pieces of ${cut} bytes`, () => assert.equal(faultOf(ALL, cut), undefined));

  for (const [title, bytes, fault] of [
    ['at the bound', [0, 4, 10], undefined],
    ['above the bound', [3, 11], 'too-large'],
  ] as const)
    for (const cut of [1, 4, 5, 6, 1000])
      test(`messages ${title} are told apart in pieces of ${cut} bytes`, () => {
        // A count of the values, and their lengths, need 6 bytes.
        const rows = bytes.map((size) => row('x'.repeat(size)));
        assert.equal(faultOf(Buffer.concat(rows), cut, 16), fault);
      });

  for (const [what, bytes] of MESSAGES) {
    test(`${what} with a damaged length is damaged, whatever follows`, () => {
      for (let at = 1; at < 5; at += 1)
        for (let value = 0; value < 256; value += 1) {
          if (bytes[at] === value) continue;
          const broken = Buffer.concat([bytes, ALL]);
          broken[at] = value;
          // Some types of messages may have any content: a later message shows the fault then.
          assert.ok(faultOf(broken) !== undefined || isOpen(bytes, broken), `byte ${at} = ${value}`);
        }
    });

    test(`${what} cut short or followed by more is damaged`, () => {
      for (let size = 0; size < bytes.length - 5; size += 1) {
        const broken = Buffer.concat([bytes.subarray(0, 1), number(4, 4 + size), bytes.subarray(5, 5 + size), ALL]);
        assert.equal(isOpen(bytes, broken) ? 'damaged' : faultOf(broken), 'damaged', `${size} bytes`);
      }
      const longer = Buffer.concat([
        bytes.subarray(0, 1),
        number(4, bytes.length),
        bytes.subarray(5),
        Buffer.from('x'),
      ]);
      assert.equal(isOpen(bytes, longer) ? 'damaged' : faultOf(longer), 'damaged');
    });
  }

  /** True for a step of SASL, whose text has any length. */
  const isOpen = (bytes: Buffer, broken: Buffer): boolean =>
    bytes[0] === 0x52 && (bytes[8] ?? 0) >= 11 && broken.readUInt32BE(1) >= 8;

  for (const [what, bytes] of [
    ['a type that no answer has', message('s')],
    ['bytes of another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['a demand of a log-in that the driver does not know', message('R', number(4, 7))],
    ['a text without an end', message('C', 'COMMIT')],
    ['a column fewer than described', message('T', number(2, 0), column('id'))],
    ['a value longer than its row', message('D', number(2, 1), number(4, 2), 'a')],
    ['an error without an end', message('E', 'SERROR\0VERROR\0C40001\0')],
    ['an error as a notice', message('N', fields('ERROR'))],
    ['a notice as an error', message('E', fields('NOTICE'))],
    ['an unknown state of the transaction', message('Z', 'X')],
  ] as const)
    test(`${what} is damaged, even before other bytes arrive`, () => {
      for (const cut of [1, 2, 1000]) assert.equal(faultOf(bytes, cut), 'damaged');
    });
});
