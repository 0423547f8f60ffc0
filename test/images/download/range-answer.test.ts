import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cleanText } from '../../../src/clean-text.ts';
import { AttemptFailure, type AttemptFault } from '../../../src/images/download/fault.ts';
import {
  type BodyPlan,
  type KeptFile,
  planBody,
  rangeFields,
  validatorOf,
  type Wanted,
} from '../../../src/images/download/range-answer.ts';

const URL_ONE = new URL('http://one.example/a/file?key=1');
const PLACE = 'http://one.example/a/file';
const ETAG = { kind: 'etag', value: '"v1"' } as const;
const KEPT: KeptFile = { place: PLACE, validator: ETAG, total: 100 };
/** 40 bytes of a file are kept. */
const RESUMED: Wanted = { from: 40, kept: KEPT, mayMix: false, bytes: undefined, bytesMax: 1000 };
const FRESH: Wanted = { ...RESUMED, from: 0, kept: undefined };
const NOW_MS = Date.parse('Tue, 24 Nov 2026 20:00:00 GMT');

interface Row {
  readonly name: string;
  readonly wanted: Wanted;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly url?: string;
  readonly expected: Partial<BodyPlan> | AttemptFault['code'];
}

const BODY_NEW = { kind: 'body', at: 0, isNew: true } as const;
const BODY_SKIPPED = { kind: 'body', at: 0, isNew: false } as const;
const BODY_FROM_40 = { kind: 'body', at: 40, isNew: false } as const;
const LENGTH = { 'content-length': '100' };
const RANGE = { 'content-range': 'bytes 40-99/100', 'content-length': '60' };

const ROWS: readonly Row[] = [
  { name: 'a whole file', wanted: FRESH, status: 200, headers: LENGTH, expected: BODY_NEW },
  {
    name: 'a chunked file',
    wanted: FRESH,
    status: 200,
    headers: { 'transfer-encoding': 'chunked' },
    expected: BODY_NEW,
  },
  {
    name: 'a document whose end is that of the connection',
    wanted: { ...FRESH, isDocument: true },
    status: 200,
    headers: {},
    expected: 'length-unknown',
  },
  { name: 'such a file', wanted: FRESH, status: 200, headers: {}, expected: BODY_NEW },
  {
    name: 'a size that is not the published one',
    wanted: { ...FRESH, bytes: 99 },
    status: 200,
    headers: LENGTH,
    expected: 'size-wrong',
  },
  {
    name: 'a size beyond the bound',
    wanted: { ...FRESH, bytesMax: 99 },
    status: 200,
    headers: LENGTH,
    expected: 'too-large',
  },
  { name: 'a range that was not asked for', wanted: FRESH, status: 206, headers: RANGE, expected: 'range-wrong' },

  {
    name: 'the range asked for',
    wanted: RESUMED,
    status: 206,
    headers: { ...RANGE, etag: '"v1"' },
    expected: BODY_FROM_40,
  },
  { name: 'the range without a validator', wanted: RESUMED, status: 206, headers: RANGE, expected: BODY_FROM_40 },
  {
    name: 'the range of another version',
    wanted: RESUMED,
    status: 206,
    headers: { ...RANGE, etag: '"v2"' },
    expected: { kind: 'again' },
  },
  {
    name: 'a range that begins earlier',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 32-99/100' },
    expected: { kind: 'body', at: 32, isNew: false },
  },
  {
    name: 'a shorter range',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 40-59/100' },
    expected: BODY_FROM_40,
  },
  {
    name: 'a range of unknown size',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 40-99/*' },
    expected: BODY_FROM_40,
  },
  {
    name: 'a range that leaves a gap',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 41-99/100' },
    expected: 'range-wrong',
  },
  {
    name: 'a range of another size',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 40-98/99' },
    expected: { kind: 'again' },
  },
  {
    name: 'a range beyond its own size',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 40-99/60' },
    expected: 'range-wrong',
  },
  {
    name: 'a range that ends before it begins',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'bytes 40-39/100' },
    expected: 'range-wrong',
  },
  {
    name: 'several ranges',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-type': 'multipart/byteranges' },
    expected: 'range-wrong',
  },
  {
    name: 'another unit',
    wanted: RESUMED,
    status: 206,
    headers: { 'content-range': 'lines 40-99/100' },
    expected: 'range-wrong',
  },

  {
    name: 'the whole file instead of a range',
    wanted: RESUMED,
    status: 200,
    headers: { ...LENGTH, etag: '"v1"' },
    expected: BODY_SKIPPED,
  },
  {
    name: 'another version instead of a range',
    wanted: RESUMED,
    status: 200,
    headers: { ...LENGTH, etag: '"v2"' },
    expected: BODY_NEW,
  },
  {
    name: 'the whole file with a weak validator',
    wanted: RESUMED,
    status: 200,
    headers: { ...LENGTH, etag: 'W/"v1"' },
    expected: BODY_SKIPPED,
  },
  {
    name: 'another size instead of a range',
    wanted: RESUMED,
    status: 200,
    headers: { 'content-length': '101', etag: '"v1"' },
    expected: BODY_NEW,
  },
  {
    name: 'the whole file of a mirror',
    wanted: RESUMED,
    url: 'http://two.example/file',
    status: 200,
    headers: { ...LENGTH, etag: '"v1"' },
    expected: BODY_NEW,
  },
  {
    name: 'a range of a mirror',
    wanted: { ...RESUMED, mayMix: true },
    url: 'http://two.example/file',
    status: 206,
    headers: RANGE,
    expected: BODY_FROM_40,
  },

  {
    name: 'no bytes left',
    wanted: { ...RESUMED, from: 100 },
    status: 416,
    headers: { 'content-range': 'bytes */100' },
    expected: { kind: 'whole' },
  },
  {
    name: 'a shorter file',
    wanted: RESUMED,
    status: 416,
    headers: { 'content-range': 'bytes */30' },
    expected: { kind: 'again' },
  },
  {
    name: 'no satisfiable range, without a size',
    wanted: RESUMED,
    status: 416,
    headers: {},
    expected: { kind: 'again' },
  },
  { name: 'the same for a whole file', wanted: FRESH, status: 416, headers: {}, expected: 'http-refused' },

  {
    name: 'a compressed body',
    wanted: FRESH,
    status: 200,
    headers: { ...LENGTH, 'content-encoding': 'gzip' },
    expected: 'encoded',
  },
  {
    name: 'a body that is as it is',
    wanted: FRESH,
    status: 200,
    headers: { ...LENGTH, 'content-encoding': 'identity' },
    expected: BODY_NEW,
  },
  {
    name: 'a file with the ending of its encoding',
    wanted: FRESH,
    url: 'http://one.example/a.tar.gz',
    status: 200,
    headers: { ...LENGTH, 'content-encoding': 'x-gzip' },
    expected: BODY_NEW,
  },

  { name: 'no such file', wanted: FRESH, status: 404, headers: {}, expected: 'http-refused' },
  { name: 'a failure', wanted: FRESH, status: 502, headers: {}, expected: 'http-failed' },
  { name: 'a time-out of the server', wanted: FRESH, status: 408, headers: {}, expected: 'http-failed' },
  { name: 'no content', wanted: FRESH, status: 204, headers: {}, expected: 'http-failed' },
  { name: 'too many requests', wanted: FRESH, status: 429, headers: {}, expected: 'busy' },
];

describe('an answer to a request for a file', () => {
  for (const { name, wanted, status, headers, url, expected } of ROWS) {
    test(`${name}: ${typeof expected === 'string' ? expected : expected.kind}`, () => {
      const head = { url: new URL(url ?? URL_ONE), status, headers, wallTimeMs: NOW_MS };
      if (typeof expected === 'string') {
        assert.throws(
          () => planBody(head, wanted),
          (error) => error instanceof AttemptFailure && error.fault.code === expected,
        );
      } else assert.partialDeepStrictEqual(planBody(head, wanted), expected);
    });
  }

  for (const [text, seconds] of [
    ['120', 120],
    ['Tue, 24 Nov 2026 20:00:30 GMT', 30],
    ['Tue, 24 Nov 2026 19:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
  ] as const) {
    test(`Retry-After: ${text} means ${seconds} s`, () => {
      const head = { url: URL_ONE, status: 503, headers: { 'retry-after': text }, wallTimeMs: NOW_MS };
      assert.throws(
        () => planBody(head, FRESH),
        (error) =>
          error instanceof AttemptFailure && error.fault.code === 'busy' && error.fault.params.seconds === seconds,
      );
    });
  }
});

describe('the text of a server in a fault is clean, and no longer than 512 characters', () => {
  const LONG = 'x'.repeat(9000);
  const rows: readonly [
    name: string,
    wanted: Wanted,
    status: number,
    headers: Readonly<Record<string, string>>,
    url: string,
  ][] = [
    ['a range that nobody asked for', FRESH, 206, { 'content-range': `\u009b31m${LONG}` }, PLACE],
    ['a wrong range', RESUMED, 206, { 'content-range': `\u009b31m${LONG}` }, PLACE],
    ['an encoding', FRESH, 200, { 'content-length': '1', 'content-encoding': `\u009b31m${LONG}` }, PLACE],
    ['a host', FRESH, 404, {}, `http://${LONG}/`],
  ];
  for (const [name, wanted, status, headers, url] of rows) {
    test(name, () => {
      const head = { url: new URL(url), status, headers, wallTimeMs: NOW_MS };
      assert.throws(
        () => planBody(head, wanted),
        (error) => {
          assert.ok(error instanceof AttemptFailure);
          const texts = Object.values<unknown>(error.fault.params).filter((value) => typeof value === 'string');
          assert.deepEqual(
            texts,
            texts.map((text) => cleanText(text)),
          );
          return texts.length > 0;
        },
      );
    });
  }
});

describe('the fields of a request for the rest of a file', () => {
  const RANGE_40 = { Range: 'bytes=40-' };
  for (const [name, url, wanted, expected] of [
    ['nothing is kept: none', PLACE, FRESH, {}],
    ['the same URL with a validator: both', PLACE, RESUMED, { ...RANGE_40, 'If-Range': '"v1"' }],
    ['the same URL with another query: both', `${PLACE}?key=2`, RESUMED, { ...RANGE_40, 'If-Range': '"v1"' }],
    ['no validator: the range', PLACE, { ...RESUMED, kept: { ...KEPT, validator: undefined } }, RANGE_40],
    ['a mirror: none', 'http://two.example/file', RESUMED, {}],
    [
      'a mirror, if its bytes may be mixed: the range',
      'http://two.example/file',
      { ...RESUMED, mayMix: true },
      RANGE_40,
    ],
  ] as const) {
    test(name, () => assert.deepEqual(rangeFields(new URL(url), wanted), expected));
  }
});

describe('the strong validator of an answer', () => {
  const DATE = 'Tue, 24 Nov 2026 20:00:00 GMT';
  for (const [name, headers, expected] of [
    ['an ETag', { etag: '"x"' }, { kind: 'etag', value: '"x"' }],
    ['a weak ETag does not count', { etag: 'W/"x"' }, undefined],
    ['an ETag without quotes does not count', { etag: 'x' }, undefined],
    [
      'a date of long ago',
      { 'last-modified': 'Mon, 23 Nov 2026 20:00:00 GMT', date: DATE },
      { kind: 'date', value: 'Mon, 23 Nov 2026 20:00:00 GMT' },
    ],
    ['a date of this second does not count', { 'last-modified': DATE, date: DATE }, undefined],
    ['a date does not count without that of the answer', { 'last-modified': DATE }, undefined],
    ['no field', {}, undefined],
  ] as const) {
    test(name, () => assert.deepEqual(validatorOf(headers), expected));
  }
});
