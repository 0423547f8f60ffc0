// The limits of what strangers can cause: a burst passes, a flood does not, and nothing is lost in the count.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../src/clock.ts';
import { EVENT_RATE, EventSampler, RateLimit, RateLimits } from '../src/rate-limit.ts';

test('a rate is limited in the long run and at once', () => {
  const limit = new RateLimit({ perSecond: 2, burst: 3 });
  const allowed = (ms: number) => Array.from({ length: 5 }, () => limit.allows(instant(ms))).filter(Boolean).length;
  assert.deepEqual([0, 499, 500, 1500, 100_000].map(allowed), [3, 0, 1, 2, 3]);
});

test('a refusal costs nothing, however often it is asked', () => {
  const limit = new RateLimit({ perSecond: 0.1, burst: 1 });
  const allowedAt: number[] = [];
  for (let ms = 0; ms <= 30_000; ms += 1) if (limit.allows(instant(ms))) allowedAt.push(ms);
  assert.deepEqual(allowedAt, [0, 10_000, 20_000, 30_000]);
});

test('a clock that goes back gives nothing and breaks nothing', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 });
  assert.deepEqual(
    [10_000, 5000, 5999, 6000].map((ms) => limit.allows(instant(ms))),
    [true, false, false, true],
  );
});

test('a published event stands for itself and for those of its key that were withheld before it', () => {
  const sampler = new EventSampler({ perSecond: 2, burst: 3 });
  const take = (key: string, ms: number, times: number) =>
    Array.from({ length: times }, () => sampler.take(key, instant(ms)));
  assert.deepEqual(take('x', 0, 5), [{}, {}, {}, undefined, undefined]);
  assert.deepEqual(take('y', 0, 1), [{}]);
  assert.deepEqual(take('x', 500, 3), [{ count: 3 }, undefined, undefined]);
  assert.deepEqual(take('x', 100_000, 5), [{ count: 3 }, {}, {}, undefined, undefined]);
});

test('a flood of one event is published in part, with the number of the rest', () => {
  const sampler = new EventSampler();
  const published = Array.from({ length: 100 }, () => sampler.take('x', instant(0))).filter(Boolean);
  assert.equal(published.length, EVENT_RATE.burst);
  assert.deepEqual(sampler.take('x', instant(500)), { count: 81 });
});

test('beyond its bound the key that came first is forgotten, and only that', () => {
  const sampler = new EventSampler<number>({ perSecond: 1, burst: 1 }, 2);
  const taken = [1, 1, 2, 3, 2, 1].map((key) => sampler.take(key, instant(0)) !== undefined);
  assert.deepEqual(taken, [true, false, true, true, false, true]);
});

test('whether it may happen can be asked without its happening', () => {
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

test('each key has a bucket of its own; beyond the bound the key that came first begins anew', () => {
  const limits = new RateLimits<string>({ perSecond: 1, burst: 1 }, 2);
  const now = instant(0);
  const allowed = (keys: string): boolean[] => [...keys].map((key) => limits.allows(key, now));
  assert.deepEqual(allowed('aabb'), [true, false, true, false]);
  // c pushes a out, and a pushes b out.
  assert.deepEqual(allowed('cabc'), [true, true, true, true]);
});
