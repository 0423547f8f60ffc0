// Whether the store answers: asked seldom, waited for shortly.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreOutage } from '../../src/region/reports/notes.ts';
import { StoreProbe } from '../../src/region-host/store-probe.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

// The bounds, written out: raising one fails a test here.
const ANSWER_MS_MAX = 2000;
const KNOWN_MS = 1000;

/** A store whose answers a test gives, and the probe of it. */
function probed() {
  const clock = new VirtualClock();
  const questions: PromiseWithResolvers<void>[] = [];
  const probe = new StoreProbe(clock, () => {
    const question = Promise.withResolvers<void>();
    questions.push(question);
    return question.promise;
  });
  return { clock, questions, probe };
}

test('many requests ask the store once, and again only after a second', async () => {
  const { clock, questions, probe } = probed();
  const asking = Array.from({ length: 100 }, () => probe.problem());
  assert.equal(questions.length, 1);
  questions[0]?.resolve();
  assert.deepEqual(new Set(await Promise.all(asking)), new Set([undefined]));
  assert.equal(clock.pending, 0, 'the wait is over');
  clock.advance(KNOWN_MS - 1);
  assert.equal(await probe.problem(), undefined);
  assert.equal(questions.length, 1);
  clock.advance(1);
  const again = probe.problem();
  assert.equal(questions.length, 2);
  questions[1]?.resolve();
  assert.equal(await again, undefined);
});

test('the store’s own outage is the reason', async () => {
  const { questions, probe } = probed();
  const asking = probe.problem();
  questions[0]?.reject(new StoreOutage({ note: 'database-unusable', fault: 'stopping', said: '57P01' }));
  assert.deepEqual(await asking, { note: 'database-unusable', fault: 'stopping', said: '57P01' });
});

test('our own bugs are not a state of the store', async () => {
  const { questions, probe } = probed();
  const asking = probe.problem();
  questions[0]?.reject(new TypeError('oops'));
  await assert.rejects(asking, TypeError);
});

test('a store that hangs counts as unavailable after two seconds, is probed once, and recovers when that probe returns', async () => {
  const { clock, questions, probe } = probed();
  for (let times = 0; times < 3; times += 1) {
    const asking = probe.problem();
    clock.advance(ANSWER_MS_MAX);
    assert.deepEqual(await asking, { note: 'database-silent', seconds: 2 });
    clock.advance(KNOWN_MS);
  }
  assert.equal(questions.length, 1);
  questions[0]?.resolve();
  await clock.pass(0);
  const asking = probe.problem();
  assert.equal(questions.length, 2);
  questions[1]?.resolve();
  assert.equal(await asking, undefined);
});
