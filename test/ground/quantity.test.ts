// Sizes, durations and times, at the values where the unit changes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatLocalTime,
  formatOffset,
  formatSize,
  formatSpan,
  withLocalTimes,
} from '../../src/ground/quantity.ts';

const GIB = 2 ** 30;

/** A function of a number, with its values. */
const TABLES: readonly (readonly [(value: number) => string, readonly (readonly [number, string])[]])[] = [
  [
    formatBytes,
    [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1.0 KiB'],
      [1024 * 1023.94, '1023.9 KiB'],
      [1024 * 1023.96, '1.0 MiB'],
      [2 ** 20 - 1, '1.0 MiB'],
      [4.25 * GIB, '4.3 GiB'],
      [2 ** 50, '1.0 PiB'],
      [2 ** 62, '4096.0 PiB'],
    ],
  ],
  [
    formatSize,
    [
      [512, '512\u00a0B'],
      [524_288, '512\u00a0KiB'],
      [8 * GIB, '8\u00a0GiB'],
      [3_840_755_982_336, '3.5\u00a0TiB'],
      [10.04 * GIB, '10\u00a0GiB'],
    ],
  ],
  [
    formatDuration,
    [
      [-5, '0 s'],
      [59_400, '59 s'],
      [59_600, '1 min 0 s'],
      [119_600, '2 min 0 s'],
      [3_599_600, '1 h 0 min'],
      [172_799_600, '2 d 0 h'],
    ],
  ],
  [
    formatSpan,
    [
      [-5, '0 ms'],
      [999.4, '999 ms'],
      [999.6, '1 s'],
      [9940, '9.9 s'],
      [9960, '10 s'],
      [59_600, '59.6 s'],
      [59_949, '59.9 s'],
      [59_960, '1 min'],
      [119_600, '2 min'],
      [65_000, '1 min 5 s'],
      [3_600_000, '1 h'],
    ],
  ],
  [
    formatOffset,
    [
      [9540, '9.54 s'],
      [9994, '9.99 s'],
      [9996, '10.0 s'],
      [59_949, '59.9 s'],
      [59_960, '1:00 min'],
      [65_000, '1:05 min'],
      [599_400, '9:59 min'],
      [599_999, '10 min'],
      [7_200_000, '2 h'],
    ],
  ],
  [
    formatAge,
    [
      [-5, 'just now'],
      [4400, 'just now'],
      [4600, '5 s ago'],
      [59_000, '59 s ago'],
      [59_600, '1 min ago'],
      [3_599_600, '1 h ago'],
      [7_199_000, '1 h ago'],
      [172_800_000, '2 d ago'],
    ],
  ],
];

for (const [format, values] of TABLES)
  test(`${format.name} rounds before it chooses the unit`, () => {
    assert.deepEqual(
      values.map(([value]) => format(value)),
      values.map(([, text]) => text),
    );
  });

test('a moment in UTC is local time with the offset of the host on that day, in whatever sentence', () => {
  const zone = process.env.TZ;
  try {
    process.env.TZ = 'America/St_Johns';
    assert.equal(formatLocalTime(Date.parse('2026-11-21T00:10:05.999Z')), '2026-11-20 20:40:05-03:30');
    assert.equal(formatLocalTime(Date.parse('2026-07-21T00:10:05Z'), '250'), '2026-07-20 21:40:05.250-02:30');
    process.env.TZ = 'Asia/Tokyo';
    assert.equal(
      withLocalTimes('refused since 2026-11-21T18:00:00.000Z; 10.0.0.1 until 2026-11-21T18:00:01Z'),
      'refused since 2026-11-22 03:00:00+09:00; 10.0.0.1 until 2026-11-22 03:00:01+09:00',
    );
    assert.equal(withLocalTimes('until 2026-11-21 23:30 UTC.'), 'until 2026-11-22 08:30:00+09:00.');
    for (const text of ['rackboot-2026-01-01T00-00-00Z.tar', '2026-11-21', '2026-11-21T18:00:00', ''])
      assert.equal(withLocalTimes(text), text);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});
