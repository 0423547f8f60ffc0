// Counters begin at nothing and grow, each by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from '../src/counters.ts';

test('each name counts by itself, and what was read does not change', () => {
  const counters = new Counters(['requests', 'bytes', 'failed']);
  counters.add('requests');
  const before = counters.read();
  counters.add('requests');
  counters.add('bytes', 2 ** 40);
  assert.deepEqual(before, { requests: 1, bytes: 0, failed: 0 });
  assert.deepEqual(counters.read(), { requests: 2, bytes: 2 ** 40, failed: 0 });
});
