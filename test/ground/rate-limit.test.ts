// Rate limits on strangers: a burst passes, a flood does not, and no event is lost from the count.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/ground/clock.ts';
import { EVENT_RATE, EventSampler, RateLimit, RateLimits } from '../../src/ground/rate-limit.ts';

test('a rate limits both the burst and the average', () => {
  const limit = new RateLimit({ perSecond: 2, burst: 3 });
  const allowed = (ms: number) => Array.from({ length: 5 }, () => limit.allows(instant(ms))).filter(Boolean).length;
  assert.deepEqual([0, 499, 500, 1500, 100_000].map(allowed), [3, 0, 1, 2, 3]);
});

test('refusals take no permissions, however many there are', () => {
  const limit = new RateLimit({ perSecond: 0.1, burst: 1 });
  const allowedAt: number[] = [];
  for (let ms = 0; ms <= 30_000; ms += 1) if (limit.allows(instant(ms))) allowedAt.push(ms);
  assert.deepEqual(allowedAt, [0, 10_000, 20_000, 30_000]);
});

test('a clock that goes back adds no permissions and breaks nothing', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 });
  assert.deepEqual(
    [10_000, 5000, 5999, 6000].map((ms) => limit.allows(instant(ms))),
    [true, false, false, true],
  );
});

test('a published event counts itself and the events of its key withheld before it', () => {
  const sampler = new EventSampler({ perSecond: 2, burst: 3 });
  const take = (key: string, ms: number, times: number) =>
    Array.from({ length: times }, () => sampler.take(key, instant(ms)));
  assert.deepEqual(take('x', 0, 5), [{}, {}, {}, undefined, undefined]);
  assert.deepEqual(take('y', 0, 1), [{}]);
  assert.deepEqual(take('x', 500, 3), [{ count: 3 }, undefined, undefined]);
  assert.deepEqual(take('x', 100_000, 5), [{ count: 3 }, {}, {}, undefined, undefined]);
});

test('a flood of one event is published in part, with the count of the rest', () => {
  const sampler = new EventSampler();
  const published = Array.from({ length: 100 }, () => sampler.take('x', instant(0))).filter(Boolean);
  assert.equal(published.length, EVENT_RATE.burst);
  assert.deepEqual(sampler.take('x', instant(500)), { count: 81 });
});

test('beyond the bound only the oldest key is forgotten', () => {
  const sampler = new EventSampler<number>({ perSecond: 1, burst: 1 }, 2);
  const taken = [1, 1, 2, 3, 2, 1].map((key) => sampler.take(key, instant(0)) !== undefined);
  assert.deepEqual(taken, [true, false, true, true, false, true]);
});

test('`has` answers without taking a permission', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 2 });
  const start = instant(5000);
  for (let asked = 0; asked < 10; asked += 1) assert.equal(limit.has(start), true);
  for (const [atMs, expected] of [
    [5000, true],
    [5000, true],
    [5000, false],
    [5999, false],
    [6000, true],
    [6000, false],
    [1000, false],
  ] as const) {
    assert.equal(limit.has(instant(atMs)), expected, `asked at ${atMs}`);
    assert.equal(limit.allows(instant(atMs)), expected, `taken at ${atMs}`);
  }
});

test('each key has its own bucket; beyond the bound the oldest key starts again with a full one', () => {
  const limits = new RateLimits<string>({ perSecond: 1, burst: 1 }, 2);
  const now = instant(0);
  const allowed = (keys: string): boolean[] => [...keys].map((key) => limits.allows(key, now));
  assert.deepEqual(allowed('aabb'), [true, false, true, false]);
  // c pushes a out, and a pushes b out.
  assert.deepEqual(allowed('cabc'), [true, true, true, true]);
});
