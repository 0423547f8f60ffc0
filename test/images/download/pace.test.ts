import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { instant } from '../../../src/clock.ts';
import { Bandwidth } from '../../../src/images/download/bandwidth.ts';
import { Pace } from '../../../src/images/download/pace.ts';

const LIMITS = { stallMs: 30_000, bytesPerSecondMin: 4096, slowMs: 120_000, wholeMs: 600_000 };
type Step = readonly [atMs: number, act: 'judge' | 'pause' | 'read' | number];

interface Row {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The last judgement. */
  readonly expected: string | undefined;
}

/** `bytes` every second. */
const steadily = (seconds: number, bytes: number, from = 0): Step[] =>
  Array.from({ length: seconds }, (_, index): Step[] => [
    [from + (index + 1) * 1000, bytes],
    [from + (index + 1) * 1000, 'judge'],
  ]).flat();

const ROWS: readonly Row[] = [
  { name: 'nothing for 29 s is waited for', steps: [[29_000, 'judge']], expected: undefined },
  { name: 'nothing for 30 s is a stall', steps: [[30_000, 'judge']], expected: 'stalled' },
  {
    name: 'a byte ends the silence',
    steps: [
      [29_000, 1],
      [58_000, 'judge'],
    ],
    expected: undefined,
  },
  {
    name: 'a pause of this host is not a stall',
    steps: [
      [1000, 'pause'],
      [100_000, 'judge'],
      [100_000, 'read'],
      [128_000, 'judge'],
    ],
    expected: undefined,
  },
  {
    name: 'silence continues after a pause',
    steps: [
      [10_000, 'pause'],
      [90_000, 'read'],
      [110_000, 'judge'],
    ],
    expected: 'stalled',
  },
  { name: 'a byte a second for two minutes is slow', steps: steadily(120, 1), expected: 'slow' },
  { name: '5 kB a second are enough', steps: steadily(500, 5000), expected: undefined },
  { name: '5 kB a second for ten minutes are late', steps: steadily(600, 5000), expected: 'late' },
  {
    name: 'a pause of this host is not late',
    steps: [...steadily(300, 5000), [300_000, 'pause'], [900_000, 'read'], ...steadily(299, 5000, 900_000)],
    expected: undefined,
  },
  {
    name: 'a fast beginning does not excuse a slow end',
    steps: [...steadily(120, 1_000_000), ...steadily(120, 10, 120_000)],
    expected: 'slow',
  },
];

describe('the pace of a body', () => {
  for (const { name, steps, expected } of ROWS) {
    test(name, () => {
      const pace = new Pace(LIMITS, instant(0));
      let found: string | undefined;
      for (const [at, act] of steps) {
        const now = instant(at);
        if (act === 'judge') found = pace.judge(now)?.kind;
        else if (typeof act === 'number') pace.arrived(act, now);
        else pace.read(act === 'read', now);
      }
      assert.equal(found, expected);
    });
  }

  test('the shown rate follows the true one', () => {
    const pace = new Pace(LIMITS, instant(0));
    for (let second = 1; second <= 20; second += 1) {
      pace.arrived(1_000_000, instant(second * 1000));
      pace.judge(instant(second * 1000));
    }
    assert.equal(pace.bytesPerSecond, 1_000_000);
    for (let second = 21; second <= 40; second += 1) {
      pace.arrived(2_000_000, instant(second * 1000));
      pace.judge(instant(second * 1000));
    }
    assert.ok(Math.abs(pace.bytesPerSecond - 2_000_000) < 10_000, `${pace.bytesPerSecond}`);
  });
});

describe('the shared bandwidth', () => {
  for (const readers of [1, 3]) {
    test(`${readers} readers that obey it get the rate together, without bursts`, () => {
      const bandwidth = new Bandwidth(1_000_000);
      const next = Array.from({ length: readers }, () => 0);
      const arrivals: number[] = [];
      for (let ms = 0; ms < 10_000; ms += 1) {
        for (const [reader, at] of next.entries()) {
          if (at > ms) continue;
          next[reader] = ms + bandwidth.take(16_384, instant(ms));
          arrivals.push(ms);
        }
      }
      const total = arrivals.length * 16_384;
      assert.ok(Math.abs(total / 10_000_000 - 1) < 0.03, `${total} bytes in 10 s`);
      for (let from = 0; from < 9000; from += 500) {
        const bytes = arrivals.filter((at) => at >= from && at < from + 1000).length * 16_384;
        assert.ok(bytes < 1_250_000, `${bytes} bytes in the second from ${from} ms on`);
      }
    });
  }

  test('without a limit nobody waits, and a new limit holds from the next bytes on', () => {
    const bandwidth = new Bandwidth(undefined);
    assert.equal(bandwidth.take(1e9, instant(0)), 0);
    bandwidth.limit(1000);
    assert.equal(bandwidth.take(1000, instant(0)), 1000);
    bandwidth.limit(undefined);
    assert.equal(bandwidth.take(1e9, instant(1)), 0);
  });
});
