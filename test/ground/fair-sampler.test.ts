// Reports of many keys in a flood: never everything, and something of every key.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later } from '../../src/ground/clock.ts';
import { FAIR_KEYS_MAX, FairSampler, MACHINE_RATE, TOGETHER_RATE } from '../../src/ground/fair-sampler.ts';

const START = instant(1_000_000);

test('of one key the burst is reported, then one a second, each with the number it stands for', () => {
  const sampler = new FairSampler();
  let reported = 0;
  for (let index = 0; index < 100; index += 1) if (sampler.take(1, START) !== undefined) reported += 1;
  assert.equal(reported, MACHINE_RATE.burst);
  assert.deepEqual(sampler.take(1, later(START, 1000)), { count: 100 - MACHINE_RATE.burst + 1 });
  assert.equal(sampler.take(1, later(START, 1500)), undefined);
  assert.deepEqual(sampler.take(1, later(START, 2000)), { count: 2 });
});

test('however others flood, each key is reported at once, and again within each minute', () => {
  const sampler = new FairSampler();
  const flood = (at: number): void => {
    for (let key = 1; key <= 1000; key += 1) sampler.take(key, later(START, at));
  };
  const mine: (number | undefined)[] = [];
  for (let second = 0; second < 240; second += 1) {
    flood(second * 1000);
    const sample = sampler.take(7777, later(START, second * 1000));
    if (sample !== undefined) mine.push(sample.count);
  }
  assert.equal(mine.length, 4, 'in four minutes');
  assert.equal(mine[0], undefined, 'the first stands for itself');
});

test('a flood in many names brings one event a minute for each, plus at most the common rate', () => {
  const sampler = new FairSampler();
  const keys = 2000;
  const minutes = 3;
  let reported = 0;
  for (let second = 0; second < minutes * 60; second += 1) {
    for (let index = 0; index < 5000; index += 1) {
      if (sampler.take((second * 5000 + index) % keys, later(START, second * 1000)) !== undefined) reported += 1;
    }
  }
  const bound = keys * minutes + TOGETHER_RATE.burst + TOGETHER_RATE.perSecond * minutes * 60;
  assert.ok(reported >= keys * minutes && reported <= bound, `${reported}, bound ${bound}`);
});

test('keys are forgotten beyond their bound, the longest unreported first', () => {
  const sampler = new FairSampler();
  for (let index = 0; index < MACHINE_RATE.burst; index += 1) sampler.take(0, START);
  for (let key = 1; key < FAIR_KEYS_MAX; key += 1) sampler.take(key, START);
  assert.equal(sampler.take(0, START), undefined, 'still known');
  sampler.take(FAIR_KEYS_MAX, START);
  assert.notEqual(sampler.take(0, START), undefined, 'forgotten, and reported again');
});

test('a clock that jumps hides no key and floods nothing', () => {
  const day = 86_400_000;
  for (const jump of [day, -day]) {
    const sampler = new FairSampler();
    for (let index = 0; index < 100; index += 1) sampler.take(1, later(START, day));
    let reported = 0;
    for (let index = 0; index < 100; index += 1) if (sampler.take(1, later(START, day + jump))) reported += 1;
    assert.ok(reported >= 1 && reported <= MACHINE_RATE.burst, `${reported} after a jump of ${jump} ms`);
  }
});
