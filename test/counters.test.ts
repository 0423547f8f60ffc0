// Counters start at zero and grow independently.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from '../src/ground/counters.ts';

test('each name has its own count, and a reading does not change later', () => {
  const counters = new Counters(['requests', 'bytes', 'failed']);
  counters.add('requests');
  const before = counters.read();
  counters.add('requests');
  counters.add('bytes', 2 ** 40);
  assert.deepEqual(before, { requests: 1, bytes: 0, failed: 0 });
  assert.deepEqual(counters.read(), { requests: 2, bytes: 2 ** 40, failed: 0 });
});
