// A row that is larger than any string costs its request, not the process.
// @host alone
// @disk

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { fillRegion } from '../contract/region-operations.ts';
import { missing } from '../support/needs.ts';
import { RegionDatabases } from '../support/postgres-server.ts';

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
