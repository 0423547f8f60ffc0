// A server's messages are bounded before the driver reads them, however they arrive. In the long suite a row that is too large costs its
// request, not the process.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MessageBound } from '../../../src/store/postgres/message-bound.ts';

/** A message with a body of this many bytes. */
const message = (bytes: number): Buffer => {
  const made = Buffer.alloc(5 + bytes, 'D');
  made.writeUInt32BE(4 + bytes, 1);
  return made;
};

describe('a bound on messages', () => {
  for (const [title, sizes, isTooLarge] of [
    ['at the bound', [0, 10, 3, 10], false],
    ['above the bound', [3, 11], true],
  ] as const)
    for (const cut of [1, 2, 4, 5, 6, 1000])
      test(`messages ${title} are told apart in pieces of ${cut} bytes`, () => {
        const all = Buffer.concat(sizes.map(message));
        const bound = new MessageBound(10);
        const found: boolean[] = [];
        for (let at = 0; at < all.length && !found.includes(true); at += cut)
          found.push(bound.exceeds(all.subarray(at, at + cut)));
        assert.equal(found.includes(true), isTooLarge);
      });
});
