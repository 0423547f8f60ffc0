// The leases that a region has stored, against the log of its rack.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually, type RunningRack } from './running-rack.ts';

/** The region has stored the events of leases exactly as the rack told them: all, once, in their order. */
export async function assertStoredAsLogged(rack: RunningRack): Promise<void> {
  const database = new DatabaseSync(join(rack.stateDir, 'region.db'), { readOnly: true });
  const rows = database
    .prepare("SELECT params ->> 'address' AS address FROM event WHERE kind IN ('dhcp.ack') ORDER BY id")
    .all();
  database.close();
  const stored = rows.map(({ address }) => String(address));
  const logged = (): readonly unknown[] => rack.events('dhcp.ack').map(({ address }) => address);
  await eventually('the log tells as many', () => logged().length >= stored.length);
  assert.deepEqual(stored, logged());
}
