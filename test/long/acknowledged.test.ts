// A thousand kills under load, or KILLS of them: no acknowledged lease is lost, no address has two owners. A line after every fifty tells
// how many leases were looked for and how long it took: half a second a kill to start, and a tenth to serve.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';
import { missing } from '../support/needs.ts';

const KILLS = Number(process.env.KILLS ?? 1000);

test(`acknowledged leases survive kill -9, ${KILLS} times`, {
  skip: missing('linux'),
}, async () => {
  const { clients, acks } = await killUnderLoad(labPlace(85), KILLS);
  assert.ok(acks >= KILLS * 12);
  console.log(`# ${clients} clients, ${acks} ACKs`);
});
