// An ACK that arrived is on disk: the daemon is killed under load, mostly at the moment a client has one, again and again, and every
// lease that any client was ever acknowledged is found in leases.db, and in the rack at the end, and ends no sooner than was said. No address has two
// owners. Real sockets on loopback, by any user. With many rounds: a thousand kills, or KILLS of them.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

const KILLS = Number(process.env.KILLS ?? (HAS_MANY_ROUNDS ? 1000 : 4));

test(`acknowledged leases survive kill -9, ${KILLS} times`, { skip: missing('linux') }, async () => {
  const { clients, acks, renewals } = await killUnderLoad(labPlace(21), KILLS);
  assert.ok(acks >= KILLS * 12);
  assert.ok(renewals >= KILLS, `${renewals} renewals`);
  console.log(`# ${clients} clients, ${acks} ACKs, ${renewals} of them to renewals`);
});
