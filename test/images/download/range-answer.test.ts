import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cleanText } from '../../../src/ground/clean-text.ts';
import { type AttemptFault, DownloadError } from '../../../src/images/download/fault.ts';
import {
  type BodyPlan,
  type BodyRequest,
  buildRangeFields,
  findValidator,
  type KeptFile,
  planBody,
} from '../../../src/images/download/range-answer.ts';

const URL_ONE = new URL('http://one.example/a/file?key=1');
const PLACE = 'http://one.example/a/file';
const ETAG = { kind: 'etag', value: '"v1"' } as const;
const KEPT: KeptFile = { place: PLACE, validator: ETAG, total: 100 };
/** 40 bytes of a file are kept. */
const RESUMED: BodyRequest = { from: 40, kept: KEPT, mayMix: false, bytes: undefined, bytesMax: 1000 };
const FRESH: BodyRequest = { ...RESUMED, from: 0, kept: undefined };
const NOW_MS = Date.parse('Tue, 24 Nov 2026 20:00:00 GMT');

type Row = readonly [
  name: string,
  wanted: BodyRequest,
  status: number,
  headers: Readonly<Record<string, string>>,
  expected: Partial<BodyPlan> | AttemptFault['code'],
  url?: string,
];

const BODY_NEW = { kind: 'body', at: 0, isNew: true } as const;
const BODY_SKIPPED = { kind: 'body', at: 0, isNew: false } as const;
const BODY_FROM_40 = { kind: 'body', at: 40, isNew: false } as const;
const LENGTH = { 'content-length': '100' };
const RANGE = { 'content-range': 'bytes 40-99/100', 'content-length': '60' };

const AGAIN = { kind: 'again' } as const;
const MIRROR = 'http://two.example/file';

const ROWS: readonly Row[] = [
  ['a whole file', FRESH, 200, LENGTH, BODY_NEW],
  ['a chunked file', FRESH, 200, { 'transfer-encoding': 'chunked' }, BODY_NEW],
  ['a document whose end is that of the connection', { ...FRESH, isDocument: true }, 200, {}, 'length-unknown'],
  ['such a file', FRESH, 200, {}, BODY_NEW],
  ['a size that is not the published one', { ...FRESH, bytes: 99 }, 200, LENGTH, 'size-wrong'],
  ['a size beyond the bound', { ...FRESH, bytesMax: 99 }, 200, LENGTH, 'too-large'],
  ['a range that was not asked for', FRESH, 206, RANGE, 'range-wrong'],
  ['the range asked for', RESUMED, 206, { ...RANGE, etag: '"v1"' }, BODY_FROM_40],
  ['the range without a validator', RESUMED, 206, RANGE, BODY_FROM_40],
  ['the range of another version', RESUMED, 206, { ...RANGE, etag: '"v2"' }, AGAIN],
  [
    'a range that begins earlier',
    RESUMED,
    206,
    { 'content-range': 'bytes 32-99/100' },
    { kind: 'body', at: 32, isNew: false },
  ],
  ['a shorter range', RESUMED, 206, { 'content-range': 'bytes 40-59/100' }, BODY_FROM_40],
  ['a range of unknown size', RESUMED, 206, { 'content-range': 'bytes 40-99/*' }, BODY_FROM_40],
  ['a range that leaves a gap', RESUMED, 206, { 'content-range': 'bytes 41-99/100' }, 'range-wrong'],
  ['a range of another size', RESUMED, 206, { 'content-range': 'bytes 40-98/99' }, AGAIN],
  ['a range beyond its own size', RESUMED, 206, { 'content-range': 'bytes 40-99/60' }, 'range-wrong'],
  ['a range that ends before it begins', RESUMED, 206, { 'content-range': 'bytes 40-39/100' }, 'range-wrong'],
  ['several ranges', RESUMED, 206, { 'content-type': 'multipart/byteranges' }, 'range-wrong'],
  ['another unit', RESUMED, 206, { 'content-range': 'lines 40-99/100' }, 'range-wrong'],
  ['the whole file instead of a range', RESUMED, 200, { ...LENGTH, etag: '"v1"' }, BODY_SKIPPED],
  ['another version instead of a range', RESUMED, 200, { ...LENGTH, etag: '"v2"' }, BODY_NEW],
  ['the whole file with a weak validator', RESUMED, 200, { ...LENGTH, etag: 'W/"v1"' }, BODY_SKIPPED],
  ['another size instead of a range', RESUMED, 200, { 'content-length': '101', etag: '"v1"' }, BODY_NEW],
  ['the whole file of a mirror', RESUMED, 200, { ...LENGTH, etag: '"v1"' }, BODY_NEW, MIRROR],
  ['a range of a mirror', { ...RESUMED, mayMix: true }, 206, RANGE, BODY_FROM_40, MIRROR],
  ['no bytes left', { ...RESUMED, from: 100 }, 416, { 'content-range': 'bytes */100' }, { kind: 'whole' }],
  ['a shorter file', RESUMED, 416, { 'content-range': 'bytes */30' }, AGAIN],
  ['no satisfiable range, without a size', RESUMED, 416, {}, AGAIN],
  ['the same for a whole file', FRESH, 416, {}, 'http-refused'],
  ['a compressed body', FRESH, 200, { ...LENGTH, 'content-encoding': 'gzip' }, 'encoded'],
  ['a body that is as it is', FRESH, 200, { ...LENGTH, 'content-encoding': 'identity' }, BODY_NEW],
  [
    'a file with the ending of its encoding',
    FRESH,
    200,
    { ...LENGTH, 'content-encoding': 'x-gzip' },
    BODY_NEW,
    'http://one.example/a.tar.gz',
  ],
  ['no such file', FRESH, 404, {}, 'http-refused'],
  ['a failure', FRESH, 502, {}, 'http-failed'],
  ['a time-out of the server', FRESH, 408, {}, 'http-failed'],
  ['no content', FRESH, 204, {}, 'http-failed'],
  ['too many requests', FRESH, 429, {}, 'busy'],
];

describe('an answer to a request for a file', () => {
  for (const [name, wanted, status, headers, expected, url] of ROWS) {
    test(`${name}: ${typeof expected === 'string' ? expected : expected.kind}`, () => {
      const head = { url: new URL(url ?? URL_ONE), status, headers, wallTimeMs: NOW_MS };
      if (typeof expected === 'string') {
        assert.throws(
          () => planBody(head, wanted),
          (error) => error instanceof DownloadError && error.fault.code === expected,
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
          error instanceof DownloadError && error.fault.code === 'busy' && error.fault.params.seconds === seconds,
      );
    });
  }
});

describe('the text of a server in a fault is clean, and no longer than 512 characters', () => {
  const LONG = 'x'.repeat(9000);
  const rows: readonly [
    name: string,
    wanted: BodyRequest,
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
          assert.ok(error instanceof DownloadError);
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
    test(name, () => assert.deepEqual(buildRangeFields(new URL(url), wanted), expected));
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
    test(name, () => assert.deepEqual(findValidator(headers), expected));
  }
});
