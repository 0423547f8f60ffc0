// A server's messages are bounded before the driver reads them, however they arrive; a row that is too large costs its request, not the process.
// @disk

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MessageBound } from '../../../src/store/postgres/message-bound.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { fillRegion } from '../../contract/region-operations.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

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

test('a value that no string holds costs its requests a 503 with the cause, and all else continues', {
  skip: missing('linux', '/usr/lib/postgresql'),
  timeout: 120_000,
}, async () => {
  const databases = await RegionDatabases.start();
  const name = await databases.make();
  const store = await openPostgresRegion(databases.server.placeOf(name));
  try {
    await fillRegion(store, 3);
    // Above buffer.constants.MAX_STRING_LENGTH; the server stores it compressed.
    await databases.server.query("UPDATE machine SET description = repeat('x', 600000000) WHERE id = 1", name);
    await assert.rejects(store.listMachines({}, 0, 10), {
      code: 'store-unavailable',
      message: /a row has more than 192 MiB, which no region writes: find it with .*, and shorten or delete it$/,
    });
    assert.equal(await store.countMachines({}), 3);
    assert.equal((await store.findMachine('m00001'))?.hostname, 'host-1');
    await databases.server.query("UPDATE machine SET description = '' WHERE id = 1", name);
    assert.equal((await store.listMachines({}, 0, 10)).length, 3);
  } finally {
    await store.close();
    await databases.close();
  }
});
