// The programs by which machines are switched are bounded, and see nothing of this process that is not theirs.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { type ProgramRun, runProgram } from '../../src/power/program.ts';
import { eventuallyWithin } from '../support/eventually.ts';

const run = (more: Partial<ProgramRun> = {}): ProgramRun => ({
  clock: systemClock,
  signal: new AbortController().signal,
  timeMs: 10_000,
  ...more,
});

test('a program returns its exit code and output, and gets only its own environment', async () => {
  process.env.RACKBOOT_OTHER_SECRET = 'hunter2';
  const end = await runProgram('sh', ['-c', 'echo "$OWN $LC_ALL [$RACKBOOT_OTHER_SECRET]"; echo no >&2; exit 3'], {
    ...run(),
    environment: { OWN: 'mine' },
  });
  assert.deepEqual(end, { kind: 'ended', code: 3, out: 'mine C []\n', err: 'no\n' });
});

test('a hanging program is killed with all its children', async () => {
  const end = await runProgram('sh', ['-c', 'sleep 100 & echo $!; wait'], run({ timeMs: 500 }));
  assert.equal(end.kind, 'killed');
  const grandchild = end.kind === 'killed' ? Number(end.out) : 0;
  assert.ok(grandchild > 0);
  await eventuallyWithin(10_000, 'the process that it started is gone', async () => {
    const isThere = await runProgram('sh', ['-c', `grep -qs '^State:.[^Z]' /proc/${grandchild}/status`], run());
    return isThere.kind === 'ended' && isThere.code !== 0;
  });
});

test('an aborted run does not start, and a running one is killed', async () => {
  const stop = new AbortController();
  const running = runProgram('sleep', ['100'], run({ signal: stop.signal }));
  stop.abort();
  assert.equal((await running).kind, 'killed');
  assert.equal((await runProgram('sleep', ['100'], run({ signal: stop.signal }))).kind, 'not-started');
});
