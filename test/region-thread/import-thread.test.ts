// The importing thread: it is ended if an import does not stop.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ImportReason } from '../../src/region/records/import-reason.ts';
import { ImageThread } from '../../src/region-thread/imports/image-thread.ts';
import { ImportThread } from '../../src/region-thread/imports/import-thread.ts';
import { eventually } from '../support/running-rack.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A thread that hangs after its first message. */
const HANGING = new URL(
  `data:text/javascript,${encodeURIComponent("require('node:worker_threads').parentPort.on('message', () => undefined)")}`,
);
const ORDER = {
  tree: '/',
  workDir: '/',
  configured: {},
  sources: [],
  images: [],
  bytesPerSecondMax: undefined,
  httpProxy: '',
};

const threads: ImportThread[] = [];
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

function begin() {
  const clock = new VirtualClock();
  const reasons: ImportReason[] = [];
  const none = (): void => undefined;
  const thread = new ImportThread({
    onProgress: none,
    onLeft: none,
    onBug: none,
    clock,
    thread: new ImageThread(HANGING),
    onEnded: () => assert.fail('it did not end'),
    onBroken: () => assert.fail('it did not break'),
    onGivenUp: (reason) => reasons.push(reason),
  });
  threads.push(thread);
  thread.run(ORDER);
  return { thread, clock, reasons };
}

const OVERDUE = { code: 'thread-ended', params: { said: 'an import did not stop within 20 s' } };

test('a removal of an import that hangs ends the thread after a while, with the reason', async () => {
  const { thread, clock, reasons } = begin();
  const done = thread.remove('ubuntu/noble');
  clock.advance(19_000);
  assert.ok(thread.isRunning);
  clock.advance(1000);
  await done;
  await eventually('it is given up', () => reasons.length > 0 || undefined);
  assert.ok(!thread.isRunning);
  assert.deepEqual(reasons, [OVERDUE]);
});

test('a stop of a run that hangs ends the thread, and the next run can begin', async () => {
  const { thread, clock, reasons } = begin();
  thread.stop();
  thread.stop();
  clock.advance(20_000);
  await eventually('it is given up', () => reasons.length > 0 || undefined);
  thread.run(ORDER);
  assert.ok(thread.isRunning);
  clock.advance(60_000);
  assert.ok(thread.isRunning);
  assert.deepEqual(reasons, [OVERDUE]);
});
