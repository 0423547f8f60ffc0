// The report on a region apart from racks.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import type { Outage } from '../../src/region/reports/notes.ts';
import { RegionConfiguration } from '../../src/region-host/configuration.ts';
import { buildReadiness, createRegionAnswers } from '../../src/region-host/status.ts';
import { missing } from '../support/needs.ts';

/** A file system that never has a free byte. */
const FULL = '/proc';

for (const [store, effect] of [
  ['kind: sqlite', "the region's data cannot be written"],
  [
    'kind: postgresql, url: "postgresql://rackboot@db/rackboot"',
    "the region's data is in its database, but the keys for hypervisors cannot be written",
  ],
] as const)
  test(`a full disk under a region with { ${store} } is reported with its effect`, {
    skip: missing('linux'),
  }, async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-status-'));
    t.after(() => rmSync(place, { recursive: true }));
    const file = join(place, 'region.yaml');
    writeFileSync(file, `name: hall\nstate_dir: ${FULL}\nregion: { store: { ${store} } }\n`);
    const answers = createRegionAnswers({
      version: '0',
      startedWallMs: 0,
      clock: systemClock,
      configuration: new RegionConfiguration(file),
      region: () => undefined,
      dutyHolder: () => undefined,
      addresses: () => [],
      unopened: () => [],
      notes: () => [],
      metricsProblems: () => [],
    });
    const status = JSON.parse(
      JSON.stringify(await answers['/status']?.({ query: new URLSearchParams(), body: async () => '' })),
    );
    assert.equal(status.diskProblem, `the disk of ${FULL} is full (0 B left): ${effect}; free some space there`);
  });

for (const [what, outage, reason] of [
  [
    'a database that refuses',
    { note: 'database-refuses', fault: 'no-such-database', said: 'database "t1" does not exist' },
    "the region's database refuses: create the database with createdb(1), or correct its name in region.store.url",
  ],
  [
    'a database without connections',
    { note: 'database-unusable', fault: 'connections-taken', said: 'sorry, too many clients already' },
    "the region's database cannot be used now: the database has no connection left: raise its max_connections, or lower region.store.pool",
  ],
  [
    'another fault of the store',
    { note: 'store-trouble', reason: 'connect ENOENT /run/secret/.s.PGSQL.5432' },
    "the region's store cannot be used now: its log says why",
  ],
] as const satisfies readonly (readonly [string, Outage, string])[])
  test(`/readyz, which asks for no password, shows no text of ${what}`, () => {
    const open = { addresses: () => ['10.20.0.1:5240'], unopened: () => [] };
    const { ready, notReady } = buildReadiness(open, outage);
    assert.equal(ready, false);
    assert.deepEqual(notReady, [{ what: 'store', reason }]);
  });
