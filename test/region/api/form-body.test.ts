// Parameters in every form that clients send them, whole, cut and damaged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELDS_MAX, type ParsedBody, parseBody, parseUrlEncoded } from '../../../src/region/api/call/form-body.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const plain = (parsed: ParsedBody): unknown =>
  parsed.kind === 'fields' ? Object.fromEntries(parsed.fields) : parsed.refusal.name;

test('URL-encoded text is decoded once, repeated names keep their order', () => {
  const cases: [string, unknown][] = [
    ['', {}],
    ['a=1&b=2', { a: ['1'], b: ['2'] }],
    ['a=1&a=2', { a: ['1', '2'] }],
    ['a=x+y%20z', { a: ['x y z'] }],
    ['a=%7B%22b%22%3A1%7D', { a: ['{"b":1}'] }],
    ['a', { a: [''] }],
    ['&&a=&', { a: [''] }],
    ['a=%', { a: ['%'] }],
    ['a=%4', { a: ['%4'] }],
    ['a=%zz', { a: ['%zz'] }],
    ['a=%c3%bc', { a: ['ü'] }],
    ['a=%ff', { a: ['\ufffd'] }],
    ['a=%00', { a: ['\u0000'] }],
    ['a=b=c', { a: ['b=c'] }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(plain(parseUrlEncoded(text)), expected, text);
});

const BOUNDARY = 'frontier';
const TYPE = `multipart/form-data; boundary="${BOUNDARY}"`;

function multipart(parts: readonly string[], end = '\r\n'): Buffer {
  return Buffer.from([...parts.map((part) => `--${BOUNDARY}${end}${part}${end}`), `--${BOUNDARY}--${end}`].join(''));
}

test('multipart parts are decoded, base64 too, with either line end', () => {
  const base64 = Buffer.from('grün\n1').toString('base64');
  for (const end of ['\r\n', '\n']) {
    const parts = [
      `Content-Disposition: form-data; name="op"${end}${end}new`,
      [
        'Content-Transfer-Encoding: base64',
        'Content-Type: text/plain; charset="utf-8"',
        'MIME-Version: 1.0',
        'Content-Disposition: form-data; name="note"',
        '',
        base64,
      ].join(end),
      `content-disposition: form-data; name=mac_addresses${end}${end}52:54:00:00:00:01`,
      `content-disposition: form-data; filename="f"; name="mac_addresses"${end}${end}a${end}b`,
    ];
    const parsed = parseBody(TYPE, multipart(parts, end));
    const expected = { op: ['new'], note: ['grün\n1'], mac_addresses: ['52:54:00:00:00:01', `a${end}b`] };
    assert.deepEqual(plain(parsed), expected);
  }
});

test('a multipart body cut anywhere before its end is refused', () => {
  const whole = multipart(['Content-Disposition: form-data; name="a"\r\n\r\n1']);
  for (let length = 1; length < whole.length - 3; length += 1) {
    assert.equal(parseBody(TYPE, whole.subarray(0, length)).kind, 'fault', `${length} bytes`);
  }
  assert.deepEqual(plain(parseBody(TYPE, Buffer.concat([whole, Buffer.from('trailing text')]))), { a: ['1'] });
});

test('a JSON body is an object of values; lists become repeated values, records JSON text', () => {
  const body = { a: 'x', b: 1, c: true, d: ['1', 2], e: { f: null }, g: null };
  const parsed = parseBody('application/json; charset=utf-8', Buffer.from(JSON.stringify(body)));
  assert.deepEqual(plain(parsed), { a: ['x'], b: ['1'], c: ['true'], d: ['1', '2'], e: ['{"f":null}'] });
  for (const text of ['[1]', '"x"', '{', 'null', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]) {
    assert.equal(plain(parseBody('application/json', Buffer.from(text))), 'bad-request', text.slice(0, 20));
  }
});

test('an unknown type is refused by name, an empty body never', () => {
  assert.equal(plain(parseBody('text/xml', Buffer.from('<a/>'))), 'unknown-body');
  assert.equal(plain(parseBody('', Buffer.from('x'))), 'unknown-body');
  assert.deepEqual(plain(parseBody('text/xml', Buffer.alloc(0))), {});
  assert.equal(plain(parseBody('multipart/form-data', Buffer.from('x'))), 'bad-request');
  assert.equal(plain(parseBody(`multipart/form-data; boundary=${'x'.repeat(71)}`, Buffer.from('x'))), 'bad-request');
});

test('no more values are taken than the bound, in any form', () => {
  const pairs = (count: number) => Array.from({ length: count }, (_, index) => `n=${index}`).join('&');
  assert.equal(parseUrlEncoded(pairs(FIELDS_MAX)).kind, 'fields');
  assert.equal(parseUrlEncoded(pairs(FIELDS_MAX + 1)).kind, 'fault');
  const list = JSON.stringify({ n: Array.from({ length: FIELDS_MAX + 1 }, () => 1) });
  assert.equal(parseBody('application/json', Buffer.from(list)).kind, 'fault');
  const parts = Array.from({ length: FIELDS_MAX + 1 }, () => 'Content-Disposition: form-data; name="n"\r\n\r\n1');
  assert.equal(parseBody(TYPE, multipart(parts)).kind, 'fault');
});

test('dropped parts count, too: parameters without values, and parts without a usable name', () => {
  const many = <T>(one: T) => Array.from({ length: FIELDS_MAX + 1 }, () => one);
  const long = 'n'.repeat(129);
  const cases: [string, string, Buffer][] = [
    ['null', 'application/json', Buffer.from(JSON.stringify({ n: many(null) }))],
    ['long names', 'application/x-www-form-urlencoded', Buffer.from(many(`${long}=1`).join('&'))],
    ['no pairs', 'application/x-www-form-urlencoded', Buffer.from(many('&').join(''))],
    ['parts without a name', TYPE, multipart(many('Content-Disposition: form-data\r\n\r\n1'))],
    ['parts of nothing', TYPE, multipart(many(''))],
  ];
  for (const [name, type, body] of cases) {
    const parsed = parseBody(type, body);
    assert.equal(
      parsed.kind === 'fault' ? parsed.refusal.text : parsed.fields.size,
      `more than ${FIELDS_MAX} parameters`,
      name,
    );
  }
});

test('a body of two megabytes of names that are numbers is refused before it is built', () => {
  const names = Array.from({ length: 110_000 }, (_, index) => `"${index * 37_000}":null`);
  const parsed = parseBody('application/json', Buffer.from(`{${names.join(',')}}`));
  assert.equal(parsed.kind === 'fault' ? parsed.refusal.text : parsed.kind, 'the body holds more than 8192 values');
});

test('a URL-encoded body costs no more than a JSON body of its length when every character of it is encoded', () => {
  const bestOf = (type: string, body: Buffer) => {
    const times = Array.from({ length: 5 }, () => {
      const startedAt = process.hrtime.bigint();
      assert.equal(parseBody(type, body).kind, 'fields');
      return Number(process.hrtime.bigint() - startedAt);
    });
    return Math.min(...times);
  };
  const encoded = Buffer.from(`a=${'%41'.repeat(700_000)}`);
  const plain = Buffer.from(JSON.stringify({ a: 'x'.repeat(encoded.length) }));
  const ratio = bestOf('application/x-www-form-urlencoded', encoded) / bestOf('application/json', plain);
  assert.ok(ratio < 5, `${ratio.toFixed(1)} times as long`);
});

test('bytes of every kind, under every type, give parameters or a named fault', () => {
  const seed = Number(process.env.SEED ?? 20_261);
  const random = seededRandom(seed);
  const types = ['application/x-www-form-urlencoded', TYPE, 'application/json'];
  const words = [
    '--frontier',
    '\r\n',
    '\n\n',
    'Content-Disposition: form-data; name="a"',
    '=',
    '&',
    '%',
    '{',
    '"',
    '[',
    '--',
  ];
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Array.from({ length: Math.floor(random() * 30) }, () =>
      random() < 0.5 ? Buffer.from(words[Math.floor(random() * words.length)] ?? '') : Buffer.from([random() * 256]),
    );
    const parsed = parseBody(types[round % 3] ?? '', Buffer.concat(bytes));
    assert.ok(parsed.kind === 'fields' || parsed.refusal.text !== '', `seed ${seed}, round ${round}`);
  }
});
