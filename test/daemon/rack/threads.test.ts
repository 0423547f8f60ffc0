// The threads of a process: those that run, how busy they are, and a delay of the event loop.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ThreadWatch } from '../../../src/daemon/rack/threads.ts';
import { systemClock } from '../../../src/ground/clock.ts';

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

test('a thread that waits in the kernel is not busy, and one that computes is', async () => {
  const watch = new ThreadWatch();
  const waits = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000)';
  const workers = [
    new Worker(waits, { eval: true, name: 'waits' }),
    new Worker('for (;;) ;', { eval: true, name: 'computes' }),
  ];
  try {
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    watch.measure();
    await pause(BLOCKED_MS);
    const busy = new Map(watch.measure().threads.map((thread) => [thread.name, thread.busy]));
    const [waiting = 1, computing = 0] = [busy.get('waits'), busy.get('computes')];
    assert.ok(waiting < computing / 2, `${waiting} ${computing}`);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    watch.close();
  }
});
