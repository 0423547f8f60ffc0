import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/ground/clock.ts';
import { PowerQueryLimits, QUERIES_OF_PERSON_MAX, QUERY_RATE } from '../../src/region-host/power-query-limits.ts';

test('one person runs ASKED_MAX queries at once until each has ended, even by failing; other people are not affected', async () => {
  const askers = new PowerQueryLimits();
  const open = Array.from({ length: QUERIES_OF_PERSON_MAX }, () => Promise.withResolvers<string>());
  const asked = open.map(({ promise }) => askers.tryQuery('eve', instant(0), () => promise));
  assert.ok(asked.every((question) => question !== undefined));
  const never = (): Promise<string> => assert.fail('asked');
  assert.equal(askers.tryQuery('eve', instant(0), never), undefined);
  assert.equal(await askers.tryQuery('bob', instant(0), async () => 'off'), 'off');
  open[0]?.reject(new Error('gone'));
  await assert.rejects(Promise.resolve(asked[0]), /gone/);
  assert.equal(await askers.tryQuery('eve', instant(0), async () => 'on'), 'on');
  for (const { resolve } of open) resolve('off');
  await Promise.all(asked.slice(1));
});

test('one person starts the burst of ASK_RATE at once, and then its rate per second', async () => {
  const askers = new PowerQueryLimits();
  const countAt = async (ms: number): Promise<number> => {
    let count = 0;
    for (let round = 0; round < 100; round += 1) {
      if ((await askers.tryQuery('eve', instant(ms), async () => 'on')) !== undefined) count += 1;
    }
    return count;
  };
  assert.deepEqual(
    [await countAt(0), await countAt(1000), await countAt(1500)],
    [QUERY_RATE.burst, QUERY_RATE.perSecond, QUERY_RATE.perSecond / 2],
  );
});
