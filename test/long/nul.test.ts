// A region on PostgreSQL, which can store no NUL, refuses one in any text of a request.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { EVENT } from '../contract/machines.ts';
import { answersNul } from '../region/http/nul-answers.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { missing } from '../support/needs.ts';
import { RegionDatabases } from '../support/postgres-server.ts';

describe('a NUL on PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let region: LiveRegion;
  before(async () => {
    databases = await RegionDatabases.start();
    const store = await openPostgresRegion(databases.server.placeOf(await databases.make()));
    region = await startRegion({}, { store });
  });
  after(async () => {
    await region?.close();
    await databases?.close();
  });
  answersNul(() => region);

  test('the store says what it cannot hold', async () => {
    const { store } = region.region;
    const unstorable = { code: 'text-unstorable' };
    await assert.rejects(store.findMachine('\0'), unstorable);
    await assert.rejects(store.recordEvent({ ...EVENT, username: 'a\0' }, undefined), unstorable);
  });
});
