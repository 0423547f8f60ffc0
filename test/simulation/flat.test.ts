// A few thousand boots; `test/long/flat.test.ts` has a million.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootMany, slopeOf } from './flat.ts';

const BOOTS = 4000;
/** The size of one small leaked object per boot; the heap after a collection varies a little between readings. */
const BYTES_A_BOOT_MAX = 200;

test(`the rack holds no more after ${BOOTS} boots of ${BOOTS} machines`, { timeout: 120_000 }, async () => {
  const held = await bootMany(BOOTS, 9);
  const slope = slopeOf(held, BOOTS);
  const said = `${slope.toFixed(1)} bytes a boot; held: ${held.map((bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`).join(', ')}`;
  console.log(`# ${said}`);
  assert.ok(slope < BYTES_A_BOOT_MAX, said);
});
