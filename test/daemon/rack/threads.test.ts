// The threads of a process: those that run, how busy they are, and a delay of the event loop.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../../src/clock.ts';
import { ThreadWatch } from '../../../src/daemon/rack/threads.ts';

const BLOCKED_MS = 400;
const WAITED_MS = 150;

const pause = (ms: number) => new Promise<void>((resolve) => systemClock.schedule(ms, resolve));

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('a thread is listed while it runs, and the longest delay is that since the measure before', async () => {
  const watch = new ThreadWatch();
  const worker = new Worker("require('node:worker_threads').parentPort.once('message', () => {})", {
    eval: true,
    name: 'journal',
  });
  try {
    await once(worker, 'online');
    await pause(WAITED_MS);
    block(BLOCKED_MS);
    await pause(WAITED_MS);
    const blocked = watch.measure();
    assert.deepEqual(
      blocked.threads.map(({ name }) => name),
      ['rack', 'journal'],
    );
    for (const { name, busy } of blocked.threads) assert.ok(busy >= 0 && busy <= 1, `${name} ${busy}`);
    assert.ok(blocked.delayMs >= BLOCKED_MS / 2, `${blocked.delayMs}`);
    await pause(WAITED_MS);
    assert.ok(watch.measure().delayMs < blocked.delayMs);
    const exited = once(worker, 'exit');
    worker.postMessage('end');
    await exited;
    assert.deepEqual(
      watch.measure().threads.map(({ name }) => name),
      ['rack'],
    );
  } finally {
    await worker.terminate();
    watch.close();
  }
});
