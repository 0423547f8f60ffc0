// A server's messages are checked before the driver reads them, however they arrive, and so is their order. In the long suite a row that is
// too large costs its request, not the process.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MessageFault, ServerMessages } from '../../../src/store/postgres/server-messages.ts';
import { column, columns, did, fields, message, number, row } from './server-says.ts';

/** A conversation with each message of a server. */
const MESSAGES: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a demand of a password', message('R', number(4, 3))],
  ['a demand of a password with a salt', message('R', number(4, 5), 'salt')],
  ['an offer of SASL', message('R', number(4, 10), 'SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0')],
  ['a step of SASL', message('R', number(4, 11), 'r=x')],
  ['the end of SASL', message('R', number(4, 12), 'v=x')],
  ['a log-in without a password', message('R', number(4, 0))],
  ['a setting', message('S', 'TimeZone\0UTC\0')],
  ['the key of the connection', message('K', number(4, 1), number(4, 2))],
  ['the first readiness', message('Z', 'I')],
  ...['1', '2', '3'].map((type) => [`an empty message ${type}`, message(type)] as const),
  ['the types of parameters', message('t', number(2, 2), number(4, 20), number(4, 25))],
  ['no columns', message('n')],
  ['the end of a statement without rows', did('UPDATE 1')],
  ['the columns', columns('id', 'name', 'note', 'title')],
  ['a row', row('1', '', undefined, 'a name')],
  ['a notice', message('N', fields('NOTICE'))],
  ['another row', row('2', '', undefined, '')],
  ['the end of a statement', did('SELECT 2')],
  ['columns of which there are none', columns()],
  ['a row without values', row()],
  ['the end of their statement', did('INSERT 0 1')],
  ['the answer to an empty statement', message('I')],
  ['an error', message('E', fields('ERROR'))],
  ['a notification', message('A', number(4, 7), 'rackboot_changed\0x\0')],
  ['readiness', message('Z', 'T')],
];
const together = (messages: readonly (readonly [string, Buffer])[]): Buffer =>
  Buffer.concat(messages.map(([, bytes]) => bytes));
const ALL = together(MESSAGES);
const READY = MESSAGES.findIndex(([what]) => what === 'the first readiness') + 1;
const LOGGED_IN = together(MESSAGES.slice(0, READY));
const ANSWERS = together(MESSAGES.slice(READY));

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
    ['at the bound', [0, 4, 16], undefined],
    ['above the bound', [3, 17], 'too-large'],
  ] as const)
    for (const cut of [1, 4, 5, 6, 1000])
      test(`messages ${title} are told apart in pieces of ${cut} bytes`, () => {
        // A count of the values, and their lengths, need 6 bytes; the description of the column needs 22.
        const rows = bytes.map((size) => row('x'.repeat(size)));
        const begun = [message('R', number(4, 0)), message('Z', 'I'), columns('a')];
        assert.equal(faultOf(Buffer.concat([...begun, ...rows]), cut, 22), fault);
      });

  for (const [index, [what, bytes]] of MESSAGES.entries()) {
    const before = together(MESSAGES.slice(0, index));
    const after = Buffer.concat([together(MESSAGES.slice(index + 1)), ANSWERS, ANSWERS]);

    test(`${what} with a damaged length is damaged, whatever follows`, () => {
      for (let at = 1; at < 5; at += 1)
        for (let value = 0; value < 256; value += 1) {
          if (bytes[at] === value) continue;
          const broken = Buffer.from(bytes);
          broken[at] = value;
          // Some types of messages may have any content: a later message shows the fault then.
          const fault = faultOf(Buffer.concat([before, broken, after]));
          assert.ok(fault !== undefined || isOpen(bytes, broken), `byte ${at} = ${value}`);
        }
    });

    test(`${what} cut short or followed by more is damaged`, () => {
      for (let size = 0; size < bytes.length - 5; size += 1) {
        const broken = Buffer.concat([bytes.subarray(0, 1), number(4, 4 + size), bytes.subarray(5, 5 + size)]);
        const fault = faultOf(Buffer.concat([before, broken, after]));
        assert.equal(isOpen(bytes, broken) ? 'damaged' : fault, 'damaged', `${size} bytes`);
      }
      const longer = Buffer.concat([
        bytes.subarray(0, 1),
        number(4, bytes.length),
        bytes.subarray(5),
        Buffer.from('x'),
      ]);
      const fault = faultOf(Buffer.concat([before, longer]));
      assert.equal(isOpen(bytes, longer) ? 'damaged' : fault, 'damaged');
    });
  }

  /** True for a step of SASL, whose text has any length. */
  const isOpen = (bytes: Buffer, broken: Buffer): boolean =>
    bytes[0] === 0x52 && (bytes[8] ?? 0) >= 11 && broken.readUInt32BE(1) >= 8;

  const LOG_IN: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['bytes of another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['a demand of a log-in that the driver does not know', message('R', number(4, 7))],
    ['an answer before the log-in', did('BEGIN')],
    ['a key before the log-in', message('K', number(4, 1), number(4, 2))],
    ['readiness before the log-in', message('Z', 'I')],
  ];
  const described = columns('id', 'name');
  const LATER: readonly (readonly [what: string, ...messages: readonly Buffer[]])[] = [
    ['a type that no answer has', message('s')],
    ['a text without an end', message('C', 'COMMIT')],
    ['a column fewer than described', message('T', number(2, 0), column('id'))],
    ['a value longer than its row', columns('id'), message('D', number(2, 1), number(4, 2), 'a')],
    ['an error without an end', message('E', 'SERROR\0VERROR\0C40001\0')],
    ['an error as a notice', message('N', fields('ERROR'))],
    ['a notice as an error', message('E', fields('NOTICE'))],
    ['an unknown state of the transaction', did('BEGIN'), message('Z', 'X')],
    ['a row that nothing describes', row('1')],
    ['a row after the end of its statement', described, did('SELECT 0'), row('1', '2')],
    ['a row with more values than columns', described, row('1', '2', '3')],
    ['a row with fewer values than columns', described, row('1')],
    ['a description within rows', described, row('1', '2'), described],
    ['a column named __proto__', columns('__proto__')],
    ['a column without a name', columns('')],
    ['a column with values in another form than text', message('T', number(2, 1), column('id', 25, 1))],
    ['more columns than the driver counts', columns(...Array.from({ length: 2 ** 15 }, () => 'a'))],
    ['more parameters than the driver counts', message('t', number(2, -1), Buffer.alloc(4 * (2 ** 16 - 1)))],
    ...['INSERT 9999999999999999', 'INSERT 0 q', 'SELEcT 1', '', ' 1', '1', 'BEGIN\n', 'SELECT 1 A'].map(
      (tag) => [`an end of a statement that says ${JSON.stringify(tag)}`, did(tag)] as const,
    ),
    ...[
      ['without fields', ''],
      ['without an SQLSTATE', 'SERROR\0VERROR\0Mnot now\0'],
      ['without a text', 'SERROR\0VERROR\0C40001\0'],
      ['with an SQLSTATE of small letters', 'VERROR\0C4000q\0Mnot now\0'],
      ['with a short SQLSTATE', 'VERROR\0C4000\0Mnot now\0'],
      ['with a long SQLSTATE', 'VERROR\0C400011\0Mnot now\0'],
    ].map(([how, content]) => [`an error ${how}`, message('E', `${content}\0`)] as const),
    ['readiness without an answer', message('Z', 'I')],
    ['readiness twice', did('BEGIN'), message('Z', 'T'), message('Z', 'T')],
    ['readiness within a statement', described, row('1', '2'), message('Z', 'I')],
    ['an answer after an error', message('E', fields('ERROR')), did('BEGIN')],
    ['a row after an error', described, message('E', fields('ERROR')), row('1', '2')],
    ['a further statement that begins after the end of one', did('BEGIN'), message('1')],
    ['a further key', message('K', number(4, 1), number(4, 2))],
    ['a log-in after the log-in', message('R', number(4, 0))],
    ['a demand of a password after the log-in', message('R', number(4, 3))],
    ['an offer of another SASL after the log-in', message('R', number(4, 10), 'FOO\0\0')],
  ];
  for (const [what, ...messages] of [
    ...LOG_IN,
    ...LATER.map(([title, ...later]) => [title, LOGGED_IN, ...later] as const),
  ])
    test(`${what}: it is damaged, even before other bytes arrive`, () => {
      for (const cut of [1, 2, 1000]) assert.equal(faultOf(Buffer.concat(messages), cut), 'damaged');
      const last = messages.length - 1;
      assert.equal(faultOf(Buffer.concat(messages.slice(0, last))), undefined, 'all before it is whole');
    });

  test('the server has begun to speak the protocol once its first message is whole', () => {
    const messages = new ServerMessages();
    assert.equal(messages.faultIn(LOGGED_IN.subarray(0, 8)), undefined);
    assert.equal(messages.haveBegun, false);
    assert.equal(messages.faultIn(LOGGED_IN.subarray(8, 9)), undefined);
    assert.equal(messages.haveBegun, true);
  });

  for (const [what, ...messages] of [
    ['an error instead of an answer', message('E', fields('ERROR')), message('Z', 'E')],
    ['an error between answers, after which the connection ends', message('E', fields('FATAL'))],
    ['an error within rows', described, row('1', '2'), message('E', fields('ERROR')), message('Z', 'E')],
    ['two answers', did('SET'), described, row('1', '2'), did('SELECT 1'), message('Z', 'I')],
    ['an error after an answer', did('BEGIN'), message('E', fields('ERROR')), message('Z', 'E')],
    ['a prepared statement', message('2'), described, row('1', '2'), did('SELECT 1'), message('Z', 'I')],
    ['a long tag', did('CREATE TABLE AS'), did('INSERT 0 999999999999999'), message('Z', 'I')],
  ] as const)
    test(`${what}: it passes`, () => {
      for (const cut of [1, 2, 1000]) assert.equal(faultOf(Buffer.concat([LOGGED_IN, ...messages]), cut), undefined);
    });
});
