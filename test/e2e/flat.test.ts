// A real process has as many descriptors after boots as before: some of the thousands that `test/long/flat.test.ts` makes.
// @host rests

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { bootRealProcess } from '../support/many-boots.ts';
import { missing } from '../support/needs.ts';

test('a real process has as many descriptors and threads after a hundred boots', {
  skip: missing('linux'),
  timeout: 180_000,
}, async () => {
  const { before, after } = await bootRealProcess(labPlace(52), { warm: 20, boots: 100, machines: 20 });
  console.log(`# ${JSON.stringify({ before, after })}`);
  assert.ok(after.descriptors <= before.descriptors, JSON.stringify({ before, after }));
  assert.ok(after.threads <= before.threads, JSON.stringify({ before, after }));
});
