// The options that are granted, by RFC and section.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiateOptions, WINDOW_BLOCKS_MAX, WINDOW_BYTES_MAX } from '../../src/tftp/negotiated-options.ts';
import { decodePacket, encodeOptions } from '../../src/tftp/packet.ts';

const SIZE = 12_345;

/** `name=value` pairs as options. */
const options = (text: string) =>
  text
    .split(' ')
    .filter((pair) => pair !== '')
    .map((pair) => ({ name: pair.split('=')[0] ?? '', value: pair.split('=')[1] ?? '' }));

const CASES: readonly (readonly [string, string, string])[] = [
  ['RFC 2347: without options there is no OACK', '', ''],
  ['RFC 2347: an unknown option is left out', 'multicast= blksize=1024', 'blksize=1024'],
  ['RFC 2347: names compare without regard to case and are repeated as written', 'BlkSize=600', 'BlkSize=600'],
  [
    'RFC 2347: the answer keeps the order of the request',
    'tsize=0 blksize=1468 windowsize=4',
    `tsize=${SIZE} blksize=1468 windowsize=4`,
  ],
  ['RFC 2348: the smallest block size is granted', 'blksize=8', 'blksize=8'],
  [
    'RFC 2348: a block size above that of the path is answered with the largest that fits',
    'blksize=65464',
    'blksize=1468',
  ],
  ['RFC 2348: a value that is not a number is ignored', 'blksize=big', ''],
  ['RFC 2348: a number with a sign or a space is ignored', 'blksize=+512', ''],
  ['RFC 2349 tsize: the answer holds the size', 'tsize=0', `tsize=${SIZE}`],
  ['RFC 2349 tsize: also to a client that sends another value', 'tsize=99', `tsize=${SIZE}`],
  ['RFC 2349 tsize: an empty value is ignored', 'tsize=', ''],
  ['RFC 2349 timeout: repeated exactly', 'timeout=255', 'timeout=255'],
  ['RFC 7440 §3: a window is granted', 'windowsize=16', 'windowsize=16'],
  [
    'RFC 7440 §3: a larger window is answered with a smaller one',
    'windowsize=65535',
    `windowsize=${WINDOW_BLOCKS_MAX}`,
  ],
  ['a window fits one call of 65507 bytes', 'blksize=1468 windowsize=64', 'blksize=1468 windowsize=44'],
  ['the request of iPXE', 'blksize=1432 tsize=0', `blksize=1432 tsize=${SIZE}`],
  ['the request of OVMF', 'tsize=0 blksize=1468 windowsize=4', `tsize=${SIZE} blksize=1468 windowsize=4`],
];

for (const [name, asked, granted] of CASES) {
  test(name, () => {
    const terms = negotiateOptions(options(asked), SIZE);
    assert.deepEqual(terms.granted, options(granted));
    assert.ok(terms.windowBlocks * (terms.blockBytes + 4) <= WINDOW_BYTES_MAX);
    if (granted === '') return;
    const answer = decodePacket(encodeOptions(terms.granted));
    assert.ok(answer.ok && answer.value.kind === 'options');
    assert.deepEqual(answer.value.options, terms.granted);
  });
}

test('without granted options the terms are those of RFC 1350', () => {
  const { blockBytes, windowBlocks, timeoutMs, timeoutAsked } = negotiateOptions([], SIZE);
  assert.deepEqual([blockBytes, windowBlocks, timeoutMs, timeoutAsked], [512, 1, 1000, false]);
  assert.equal(negotiateOptions(options('timeout=3'), SIZE).timeoutMs, 3000);
});

test('the size of an empty file is left out: curl treats 0 as an error', () => {
  assert.deepEqual(negotiateOptions(options('tsize=0 blksize=600'), 0).granted, options('blksize=600'));
});

test('a path that carries larger blocks gets them', () => {
  assert.equal(negotiateOptions(options('blksize=65464 windowsize=64'), SIZE, 8968).blockBytes, 8968);
  assert.equal(negotiateOptions(options('blksize=65464 windowsize=64'), SIZE, 65_464).windowBlocks, 1);
});
