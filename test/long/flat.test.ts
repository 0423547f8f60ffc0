// Nothing grows: a million boots in virtual time, and thousands against a real process.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { bootMany, slopeOf } from '../simulation/flat.ts';
import { bootRealProcess } from '../support/many-boots.ts';
import { missing } from '../support/needs.ts';

const BOOTS = 1_000_000;
/** 16 MiB over all of them. */
const BYTES_A_BOOT_MAX = 16;
const REAL_BOOTS = 5000;

test(`the rack holds no more after a million boots of a million machines`, async () => {
  const held = await bootMany(BOOTS, 41);
  const slope = slopeOf(held, BOOTS);
  const said = `${slope.toFixed(2)} bytes a boot; held: ${held.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(', ')} MiB`;
  console.log(`# ${said}`);
  assert.ok(slope < BYTES_A_BOOT_MAX, said);
});

test(`a real process has as many descriptors and threads after ${REAL_BOOTS} boots`, {
  skip: missing('linux'),
}, async () => {
  const { before, after } = await bootRealProcess(labPlace(51), { warm: 500, boots: REAL_BOOTS, machines: 90 });
  console.log(`# ${JSON.stringify({ before, after })}`);
  assert.ok(after.descriptors <= before.descriptors, JSON.stringify({ before, after }));
  assert.equal(after.threads, before.threads);
  // The heap may be fuller when it is looked at; a leak of a kilobyte a boot would be 5 MiB more.
  assert.ok(after.heapBytes <= before.heapBytes + 8 * 2 ** 20, JSON.stringify({ before, after }));
});
