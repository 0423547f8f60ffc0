// The net thread as the daemon's main thread sees it, in a process of its own.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { missing } from '../../support/needs.ts';

const CHILD = new URL('./net-thread-child.ts', import.meta.url).pathname;

test('a process that stops its net thread while the first list of interfaces is on its way waits for the end', {
  skip: missing('linux'),
}, () => {
  assert.equal(execFileSync(process.execPath, [CHILD], { encoding: 'utf8' }), 'stopped\n');
});
