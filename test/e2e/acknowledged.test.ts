// An ACK that arrived is on disk: the daemon is killed under load, mostly at the moment a client has one, again and again, and every
// lease that any client was ever acknowledged is found in leases.db, and in the rack at the end, and ends no sooner than was said. Real sockets on loopback, by any user.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';
import { missing } from '../support/needs.ts';

const KILLS = 4;

test(`acknowledged leases survive kill -9, ${KILLS} times`, {
  skip: missing('linux'),
}, async () => {
  const { clients, acks, renewals } = await killUnderLoad(labPlace(21), KILLS);
  assert.ok(acks >= KILLS * 12);
  assert.ok(renewals >= KILLS, `${renewals} renewals`);
  console.log(`# ${clients} clients, ${acks} ACKs, ${renewals} of them to renewals`);
});
