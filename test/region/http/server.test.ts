// Problems that the region's server reports as warnings of the process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { warnAbout } from '../../../src/region/http/server.ts';

test('a problem reported as a process warning is cleaned, and keeps its lines', async () => {
  const warned = once(process, 'warning');
  const note = { note: 'listener-waits', reason: 'bad\u001b[2J name' } as const;
  warnAbout({ id: 'one', note, cause: new Error('first\u202e\nsecond') });
  const [warning] = await warned;
  assert.ok(warning instanceof Error);
  assert.match(warning.message, /^bad\\x1b\[2J name \(one\) Error: first\\u202e\nsecond/);
});
