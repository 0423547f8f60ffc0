// Whether an answer came in time, even for a process that was stopped meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/ground/clock.ts';
import { answersWithin } from '../../src/net/answers-within.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('an answer in time counts, one that fails or is late does not', async () => {
  const clock = new VirtualClock();
  const answer = Promise.withResolvers<void>();
  const inTime = answersWithin(clock, 2000, answer.promise);
  await clock.pass(1900);
  answer.resolve();
  assert.equal(await inTime, true);
  assert.equal(await answersWithin(clock, 2000, Promise.reject(new Error('refused'))), false);
  const late = answersWithin(clock, 2000, new Promise(() => undefined));
  await clock.pass(2000);
  assert.equal(await late, false);
  assert.equal(clock.pending, 0);
});

test('an answer that waits to be read when this process continues counts', async () => {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker("require('node:worker_threads').parentPort.once('message', (text) => { throw text; })", {
    eval: true,
    workerData: shared,
  });
  worker.on('error', () => undefined);
  await new Promise((resolve) => worker.once('online', resolve));
  const answer = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const isInTime = answersWithin(systemClock, 1500, answer);
  worker.postMessage('answer');
  // This thread stands still, as after SIGSTOP, until the answer is there and all of the time is over.
  Atomics.wait(shared, 0, 0, 4000);
  assert.equal(await isInTime, true);
});
