// Token buckets: bursts pass, floods do not, and one address cannot use up the total.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later } from '../../../src/ground/clock.ts';
import { MACHINE_RATE, MACHINES_RATE, machineRates } from '../../../src/region/http/metadata-routes.ts';
import {
  ADDRESSES_MAX,
  RateLimiter,
  RatesByRack,
  STREAM_IN_TOTAL,
  STREAM_PER_ADDRESS,
  STREAM_PER_NETWORK,
  streamRates,
  WORKER_RATE,
  WORKERS_RATE,
  workerRates,
} from '../../../src/region/shares/request-rates.ts';

const START = instant(1_000_000);

function allowed(limiter: RateLimiter, address: string, times: number, at = START): number {
  return Array.from({ length: times }, () => limiter.allows(address, at)).filter(Boolean).length;
}

test('an address may send its burst at once, then requests at its rate', () => {
  const limiter = new RateLimiter({ perSecond: 2, burst: 5 }, { perSecond: 1000, burst: 1000 });
  assert.equal(allowed(limiter, 'a', 10), 5);
  assert.equal(allowed(limiter, 'a', 10, later(START, 1000)), 2);
  assert.equal(allowed(limiter, 'a', 10, later(START, 3_600_000)), 5);
  assert.equal(allowed(limiter, 'b', 10), 5);
});

test('all addresses together are limited, and one beyond its own limit takes nothing from the others', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 3 }, { perSecond: 1, burst: 10 });
  assert.equal(allowed(limiter, 'flood', 1000), 3);
  assert.equal(allowed(limiter, 'b', 3), 3);
  assert.equal(allowed(limiter, 'c', 3), 3);
  assert.equal(allowed(limiter, 'd', 3), 1);
});

test('memory is bounded: the address seen first is forgotten', () => {
  const limiter = new RateLimiter({ perSecond: 0, burst: 1 }, { perSecond: 0, burst: 1_000_000 });
  assert.equal(allowed(limiter, 'first', 2), 1);
  for (let index = 0; index < ADDRESSES_MAX - 1; index += 1) limiter.allows(`address ${index}`, START);
  assert.equal(allowed(limiter, 'first', 1), 0);
  limiter.allows('one more', START);
  assert.equal(allowed(limiter, 'first', 2), 1);
});

test('requests that one rack forwards take nothing from another rack or from direct clients', () => {
  const rate = { perSecond: 1, burst: 10 };
  const rates = new RatesByRack(() => new RateLimiter({ perSecond: 1, burst: 3 }, rate, rate));
  for (let machine = 0; machine < 100; machine += 1)
    rates.of('a').allows(`machine ${machine}`, START, `10.50.${machine}.1 by rack a`);
  assert.equal(rates.of('a').excess('fresh', START, '10.50.200.1 by rack a'), 'network');
  assert.equal(rates.of('b').excess('fresh', START, '10.50.200.1 by rack b'), undefined);
  assert.equal(rates.of(undefined).excess('fresh', START, '10.50.200.1'), undefined);
});

for (const [who, rates, each, all] of [
  ['at work', workerRates(), WORKER_RATE, WORKERS_RATE],
  ['that ask with their keys', machineRates(), MACHINE_RATE, MACHINES_RATE],
] as const) {
  test(`a single machine ${who === 'at work' ? who : 'that uses its key'} has its own rate`, () => {
    let taken = 0;
    for (let times = 0; times < 2 * each.burst; times += 1)
      if (rates.of('a rack').allows('machine', START, '10.20.0.9')) taken += 1;
    assert.equal(taken, each.burst);
  });

  test(`machines ${who} have a total rate, in any number of networks`, () => {
    let taken = 0;
    for (let index = 0; index < (2 * all.burst) / each.burst; index += 1)
      for (let times = 0; times < each.burst; times += 1)
        if (rates.of(undefined).allows(`machine ${index}`, START, `10.20.${index}.9`)) taken += 1;
    assert.equal(taken, all.burst);
  });
}

test('mirrors of the image stream have a rate for an address, one for a network, and one for all', () => {
  const rates = streamRates().of(undefined);
  /** How many requests pass, of addresses that each send their burst. */
  const passed = (addresses: readonly string[]): number =>
    addresses.reduce((sum, address) => sum + allowed(rates, address, STREAM_PER_ADDRESS.burst), 0);
  const hosts = (network: number): readonly string[] =>
    Array.from({ length: 6 }, (_, host) => `10.20.${network}.${host + 1}`);
  assert.equal(passed(hosts(0)), STREAM_PER_NETWORK.burst);
  assert.equal(passed([1, 2].flatMap(hosts)), STREAM_IN_TOTAL.burst - STREAM_PER_NETWORK.burst);
});

test('a clock that goes back has no effect', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, { perSecond: 1000, burst: 1000 });
  assert.equal(allowed(limiter, 'a', 2), 1);
  assert.equal(allowed(limiter, 'a', 2, later(START, -5000)), 0);
  assert.equal(allowed(limiter, 'a', 2, later(START, -4000)), 1);
});
