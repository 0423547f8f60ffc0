// A form with a large file, read while it arrives: however it is cut into pieces, its parameters and its file are the same; one that is cut short
// is a fault; memory stays flat.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseBody } from '../../../src/region/api/call/form-body.ts';
import { readStreamedForm } from '../../../src/region/api/call/form-stream.ts';

const TYPE = 'multipart/form-data; boundary="b-1"';
const FILE = Buffer.from('\r\n--b-\r\nthe content\n--b\r\n\r\n');
const part = (head: string, body: string) => `--b-1\r\n${head}\r\n\r\n${body}\r\n`;
const named = (name: string) => `Content-Disposition: form-data; name="${name}"`;
const BASE64 = '\r\nContent-Transfer-Encoding: base64';
const FORM = Buffer.from(
  [
    'a preamble\r\n',
    part(named('name'), 'custom/site'),
    part(`${named('title')}${BASE64}`, Buffer.from('Träume').toString('base64')),
    part(`${named('content')}; filename="content"${BASE64}`, FILE.toString('base64').replaceAll(/.{7}/g, '$&\r\n')),
    part(named('tag'), 'one'),
    part(named('tag'), 'two\r\nlines'),
    part(named('empty'), ''),
    '--b-1--\r\nan epilogue',
  ].join(''),
);
const END = FORM.indexOf('--b-1--') + '--b-1--'.length;

async function* inPieces(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function gather(content: AsyncIterable<Uint8Array>) {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

const read = (body: AsyncIterable<Uint8Array>, type = TYPE) => readStreamedForm(type, body, 'content', gather);

test('a form in pieces of any length has its parameters and its file', async () => {
  for (let length = 1; length <= FORM.length; length += 1) {
    const form = await read(inPieces(FORM, length));
    assert.ok(form.kind === 'form', `pieces of ${length}`);
    assert.deepEqual(
      [...form.fields],
      [
        ['name', ['custom/site']],
        ['title', ['Träume']],
        ['tag', ['one', 'two\r\nlines']],
        ['empty', ['']],
      ],
    );
    assert.equal(form.file, FILE.toString('utf8'));
  }
});

test('a form that is cut short at any byte is a fault', async () => {
  for (let end = 0; end < END; end += 1) {
    const form = await read(inPieces(FORM.subarray(0, end), 16));
    assert.deepEqual([form.kind, form.kind === 'fault' && form.refusal.name], ['fault', 'bad-request'], `${end}`);
  }
});

test('a plain file with lines of LF alone, a second file, and a form without a file are read', async () => {
  const lines = `--b-1\n${named('content')}\n\nabc\n--b-1\n${named('content')}\n\nmore\n--b-1--`;
  const form = await read(inPieces(Buffer.from(lines), 5));
  assert.deepEqual(
    [form.kind, form.file, form.kind === 'form' && [...form.fields]],
    ['form', 'abc', [['content', ['more']]]],
  );
  const none = await read(inPieces(Buffer.from(`${part(named('a'), 'b')}--b-1--`), 5));
  assert.deepEqual([none.kind, none.file], ['form', undefined]);
});

test('parts without a name are skipped, as in a form without parameters by python-libmaas', async () => {
  const forms: readonly (readonly [body: string, fields: unknown])[] = [
    ['--b-1\r\n\r\n--b-1--', []],
    ['--b-1\n\n--b-1--\n', []],
    [`--b-1\r\n\r\n${part('X-Other: 1', 'text')}${part(named('a'), 'b')}--b-1--`, [['a', ['b']]]],
  ];
  for (const [body, fields] of forms) {
    for (let length = 1; length <= body.length; length += 1) {
      const form = await read(inPieces(Buffer.from(body), length));
      assert.deepEqual(
        [form.kind === 'form' && [...form.fields], form.file],
        [fields, undefined],
        `${length} of ${body}`,
      );
    }
  }
});

test('a part in invalid Base64, or in an encoding that is not read, is a fault, however it is cut into pieces', async () => {
  const encoded = (name: string, encoding: string) => `${named(name)}\r\nContent-Transfer-Encoding: ${encoding}`;
  for (const [name, encoding, content, code] of [
    ['content', 'base64', '!!!notb64', 'bad-request'],
    ['content', 'base64', 'AAAAA', 'bad-request'],
    ['content', 'base64', 'AAA=\r\nAAAA', 'bad-request'],
    ['title', 'base64', 'AA-_', 'bad-request'],
    ['content', 'quoted-printable', 'caf=C3=A9', 'bad-request'],
    ['title', 'x-other', 'a', 'bad-request'],
    ['title', '8BIT ', 'a', undefined],
    ['content', 'Base64', 'QUJ\r\nD', undefined],
    ['content', 'base64', 'QUI', undefined],
    ['title', 'base64', 'QUI', undefined],
  ] as const) {
    const body = Buffer.from(`${part(encoded(name, encoding), content)}--b-1--`);
    for (let length = 1; length <= body.length; length += 1) {
      const form = await read(inPieces(body, length));
      assert.equal(
        form.kind === 'fault' ? form.refusal.name : undefined,
        code,
        `${name} ${encoding} ${content} ${length}`,
      );
    }
    const whole = parseBody(TYPE, body);
    assert.equal(whole.kind === 'fault' ? whole.refusal.name : undefined, code, `${name} ${encoding} ${content}`);
  }
});

test('a form beyond a bound, or without a usable boundary, is a fault', async () => {
  const cases: readonly (readonly [body: string, type: string, code: string])[] = [
    ['', 'multipart/form-data', 'bad-request'],
    [part(named('a'), 'x'.repeat(300_000)), TYPE, 'bad-request'],
    [part('X: '.padEnd(5000, 'x'), 'a'), TYPE, 'bad-request'],
    ['y'.repeat(300_000), TYPE, 'bad-request'],
    [part(named('a'), 'b').repeat(1001), TYPE, 'bad-request'],
    [part('X: 1', 'b').repeat(1002), TYPE, 'bad-request'],
  ];
  for (const [body, type, code] of cases) {
    const form = await read(inPieces(Buffer.from(body), 4096), type);
    assert.deepEqual([form.kind, form.kind === 'fault' && form.refusal.name], ['fault', code]);
  }
});

test('a file of 256 MiB passes with a few pieces of it in memory', async () => {
  const piece = Buffer.alloc(256 * 1024, 'Z');
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`--b-1\r\n${named('content')}\r\n\r\n`);
    for (let at = 0; at < 1024; at += 1) yield piece;
    yield Buffer.from('\r\n--b-1--');
  }
  const before = process.memoryUsage().rss;
  let most = 0;
  const form = await readStreamedForm(TYPE, body(), 'content', async (content) => {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const one of content) {
      hash.update(one);
      bytes += one.length;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    return `${bytes} ${hash.digest('hex')}`;
  });
  const expected = createHash('sha256');
  for (let at = 0; at < 1024; at += 1) expected.update(piece);
  assert.equal(form.file, `${256 * 1024 * 1024} ${expected.digest('hex')}`);
  assert.ok(most < 96 * 1024 * 1024, `${most} bytes`);
});
