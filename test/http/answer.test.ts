import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { answerFile, answerText, findMediaType } from '../../src/http/answer.ts';
import { formatHttpDate, parseHttpDate } from '../../src/http/conditional.ts';
import { chooseRange, type RangeChoice } from '../../src/net/byte-range.ts';
import { printedRandom } from '../support/printed-random.ts';

const part = (start: number, end: number): RangeChoice => ({ kind: 'part', range: { start, end } });
const ranges: readonly { name: string; field: string | undefined; size: number; expected: RangeChoice }[] = [
  { name: 'without a Range field the whole file is sent', field: undefined, size: 100, expected: { kind: 'whole' } },
  { name: 'both ends are included', field: 'bytes=0-9', size: 100, expected: part(0, 10) },
  { name: 'one byte is a range', field: 'bytes=0-0', size: 100, expected: part(0, 1) },
  { name: 'an open range ends at the end of the file', field: 'bytes=90-', size: 100, expected: part(90, 100) },
  { name: 'an end beyond the file is cut to the file', field: 'bytes=90-999', size: 100, expected: part(90, 100) },
  { name: 'a suffix counts from the end', field: 'bytes=-10', size: 100, expected: part(90, 100) },
  { name: 'a suffix longer than the file is the whole file', field: 'bytes=-999', size: 100, expected: part(0, 100) },
  {
    name: 'an empty suffix is unsatisfiable',
    field: 'bytes=-0',
    size: 100,
    expected: { kind: 'unsatisfiable' },
  },
  {
    name: 'a start at the end of the file is unsatisfiable',
    field: 'bytes=100-',
    size: 100,
    expected: { kind: 'unsatisfiable' },
  },
  {
    name: 'a range of an empty file is unsatisfiable',
    field: 'bytes=0-',
    size: 0,
    expected: { kind: 'unsatisfiable' },
  },
  { name: 'a suffix of an empty file is the whole file', field: 'bytes=-5', size: 0, expected: { kind: 'whole' } },
  { name: 'an end before the start is ignored', field: 'bytes=9-0', size: 100, expected: { kind: 'whole' } },
  { name: 'several ranges get the whole file', field: 'bytes=0-1,5-6', size: 100, expected: { kind: 'whole' } },
  { name: 'another unit is ignored', field: 'lines=0-1', size: 100, expected: { kind: 'whole' } },
  { name: 'a range without numbers is ignored', field: 'bytes=-', size: 100, expected: { kind: 'whole' } },
  { name: 'the unit is case-insensitive', field: 'Bytes=0-9', size: 100, expected: part(0, 10) },
  { name: 'an overlong number is ignored', field: `bytes=${'9'.repeat(40)}-`, size: 100, expected: { kind: 'whole' } },
  { name: 'a negative number is ignored', field: 'bytes=--5', size: 100, expected: { kind: 'whole' } },
];
for (const { name, field, size, expected } of ranges) {
  test(name, () => assert.deepEqual(chooseRange(field, size), expected));
}

test('for random Range fields the bytes lie within the file', () => {
  const random = printedRandom('range');
  const letters = 'bytes=0123456789-, ';
  for (let round = 0; round < 20_000; round += 1) {
    const tail = Array.from({ length: random(8) }, () => letters[random(letters.length)]).join('');
    const size = random(30);
    const choice = chooseRange(`bytes=${tail}`, size);
    if (choice.kind !== 'part') continue;
    const { start, end } = choice.range;
    assert.ok(start >= 0 && start < end && end <= size, `bytes=${tail} of ${size}: ${start} to ${end}`);
  }
});

const modifiedMs = Date.UTC(1994, 10, 6, 8, 49, 37, 512);
const fixed = 'Sun, 06 Nov 1994 08:49:37 GMT';
const file = { etag: '"tag"', modifiedMs, sizeBytes: 1000 };
const earlier = 'Sun, 06 Nov 1994 08:49:36 GMT';

const conditions: readonly { name: string; headers: IncomingHttpHeaders; status: number; length?: number }[] = [
  { name: 'without a condition the whole file is sent', headers: {}, status: 200, length: 1000 },
  { name: 'If-None-Match with the tag: not modified', headers: { 'if-none-match': '"tag"' }, status: 304 },
  { name: 'If-None-Match compares weakly', headers: { 'if-none-match': '"x", W/"tag"' }, status: 304 },
  { name: 'If-None-Match * matches an existing file', headers: { 'if-none-match': '*' }, status: 304 },
  { name: 'If-None-Match with another tag: sent', headers: { 'if-none-match': '"x"' }, status: 200 },
  {
    name: 'If-None-Match takes precedence over If-Modified-Since',
    headers: { 'if-none-match': '"x"', 'if-modified-since': fixed },
    status: 200,
  },
  { name: 'If-Modified-Since the same second: not modified', headers: { 'if-modified-since': fixed }, status: 304 },
  { name: 'If-Modified-Since a second before: sent', headers: { 'if-modified-since': earlier }, status: 200 },
  { name: 'If-Modified-Since nonsense: sent', headers: { 'if-modified-since': 'yesterday' }, status: 200 },
  { name: 'If-Match with the tag: sent', headers: { 'if-match': '"tag"' }, status: 200 },
  { name: 'If-Match compares strongly', headers: { 'if-match': 'W/"tag"' }, status: 412 },
  { name: 'If-Unmodified-Since before: failed', headers: { 'if-unmodified-since': earlier }, status: 412 },
  { name: 'If-Unmodified-Since the same second: sent', headers: { 'if-unmodified-since': fixed }, status: 200 },
  { name: 'a range', headers: { range: 'bytes=0-9' }, status: 206, length: 10 },
  { name: 'a range beyond the file', headers: { range: 'bytes=5000-' }, status: 416, length: 0 },
  { name: 'If-Range with the tag: the range', headers: { range: 'bytes=0-9', 'if-range': '"tag"' }, status: 206 },
  { name: 'If-Range with a weak tag: the whole', headers: { range: 'bytes=0-9', 'if-range': 'W/"tag"' }, status: 200 },
  { name: 'If-Range with the date: the range', headers: { range: 'bytes=0-9', 'if-range': fixed }, status: 206 },
  { name: 'If-Range with another date: the whole', headers: { range: 'bytes=0-9', 'if-range': earlier }, status: 200 },
  { name: 'If-Range nonsense: the whole', headers: { range: 'bytes=0-9', 'if-range': 'tag' }, status: 200 },
];
for (const { name, headers, status, length } of conditions) {
  test(name, () => {
    const answer = answerFile(headers, 'a/b.efi', file);
    assert.equal(answer.status, status);
    if (length !== undefined) assert.equal(answer.fields['Content-Length'], length);
  });
}

test('a partial answer has a Content-Range', () => {
  const { fields, range } = answerFile({ range: 'bytes=10-19' }, 'bootx64.efi', file);
  assert.deepEqual(range, { start: 10, end: 20 });
  assert.deepEqual(fields, {
    'Content-Type': 'application/efi',
    'Content-Length': 10,
    'Accept-Ranges': 'bytes',
    ETag: '"tag"',
    'Last-Modified': fixed,
    'Content-Range': 'bytes 10-19/1000',
  });
});

test('a date is parsed in all three forms and formatted in the first', () => {
  const whole = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of [fixed, 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
    assert.equal(parseHttpDate(text), whole, text);
  }
  for (const text of ['', '0', '1994-11-06', 'Sun, 06 Nov 1994 08:49:37', 'Sun, 99 Nov 1994 08:49:37 GMT']) {
    assert.equal(parseHttpDate(text), undefined, text);
  }
  assert.equal(formatHttpDate(modifiedMs), fixed);
});

test('the length of a text is counted in bytes', () => {
  assert.equal(answerText(200, 'é').fields['Content-Length'], 2);
});

test('the media type follows from the file name', () => {
  assert.equal(findMediaType('EFI/BOOTX64.EFI'), 'application/efi');
  assert.equal(findMediaType('amd64/generic/bookworm/commissioning/linux'), 'application/octet-stream');
});
