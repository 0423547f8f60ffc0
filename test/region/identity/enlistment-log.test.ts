import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';
import { COUNTED_MAX, EnlistmentLog, REPORT_RATE } from '../../../src/region/identity/enlistment-log.ts';
import { sentenceOf } from '../../support/sentences.ts';

const START = instant(1_000_000);
const EVENT = {
  type: 'NODE_COMMISSIONING_EVENT',
  code: 'hardware-reported',
  params: { leftOut: [] },
  atMs: 0,
  username: '',
} as const;

/** The logged events of one more report of a machine. */
function reported(log: EnlistmentLog, systemId: string, at: Instant = START): readonly string[] {
  const decision = log.thinning(at)({ kind: 'unchanged', systemId, events: [EVENT] });
  return decision.kind === 'unchanged' ? decision.events.map(sentenceOf) : assert.fail();
}

test('a machine’s first reports are logged, then one a minute with a count', () => {
  const log = new EnlistmentLog();
  const first = Array.from({ length: 3 * REPORT_RATE.burst }, () => reported(log, 'loud').length);
  assert.equal(first.filter((count) => count === 1).length, REPORT_RATE.burst);
  assert.deepEqual(reported(log, 'other'), ['reported its hardware']);
  const minute = later(START, 60_000);
  assert.deepEqual(reported(log, 'loud', minute), [
    `reported its hardware (${2 * REPORT_RATE.burst + 1} times since the last such event)`,
  ]);
  assert.deepEqual(reported(log, 'loud', minute), []);
});

test('the number of counted machines is bounded: the one counted first is forgotten, and its reports are logged again', () => {
  const log = new EnlistmentLog();
  for (let times = 0; times < REPORT_RATE.burst; times += 1) reported(log, 'first');
  assert.deepEqual(reported(log, 'first'), []);
  for (let index = 0; index < COUNTED_MAX; index += 1) reported(log, `machine ${index}`);
  assert.deepEqual(reported(log, 'first'), ['reported its hardware']);
});
