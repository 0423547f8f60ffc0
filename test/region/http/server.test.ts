// What the region's server tells when nobody asked to be told.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { warnOf } from '../../../src/region/http/server.ts';

test('a problem that is told as a warning of the process is clean, and keeps its lines', async () => {
  const told = once(process, 'warning');
  warnOf({ kind: 'listener-waits', id: 'one', text: 'bad\u001b[2J name', cause: new Error('first\u202e\nsecond') });
  const [warning] = await told;
  assert.ok(warning instanceof Error);
  assert.match(warning.message, /^bad\\x1b\[2J name \(one\) Error: first\\u202e\nsecond/);
});
