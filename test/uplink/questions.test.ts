// Questions to a thread that is slow, and to one that ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUESTIONS_MAX, Questions } from '../../src/uplink/questions.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const PATIENCE_MS = 4000;

/** Asks a thread that does not answer, without end. */
function place() {
  const clock = new VirtualClock();
  const sent: number[] = [];
  const questions = new Questions<string>(clock, PATIENCE_MS);
  return { clock, sent, questions, ask: () => questions.ask((id) => void sent.push(id)) };
}

test('an answer finds its question', async () => {
  const { questions, sent, ask } = place();
  const [first, second] = [ask(), ask()];
  questions.answer(sent[1] ?? 0, 'b');
  questions.answer(sent[0] ?? 0, 'a');
  assert.deepEqual(await Promise.all([first, second]), [
    { kind: 'answered', value: 'a' },
    { kind: 'answered', value: 'b' },
  ]);
});

test('abandoned questions still count until a blocked thread answers, so it never gets more than the bound', async () => {
  const { clock, questions, sent, ask } = place();
  const given: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const asked = Array.from({ length: QUESTIONS_MAX }, ask);
    clock.advance(PATIENCE_MS);
    for (const { kind } of await Promise.all(asked)) given.push(kind);
  }
  assert.equal(sent.length, QUESTIONS_MAX);
  assert.equal(given.filter((kind) => kind === 'too-many-waiting').length, 4 * QUESTIONS_MAX);
  // The thread continues: each late answer makes room for one question.
  for (const id of sent.slice(0, 3)) questions.answer(id, 'late');
  for (let count = 0; count < 5; count += 1) void ask();
  assert.equal(sent.length, QUESTIONS_MAX + 3);
});

test('a question waits as long as the thread uses the processor, and no longer', async () => {
  const clock = new VirtualClock();
  let usedMs = 0;
  const questions = new Questions<string>(clock, PATIENCE_MS, () => usedMs);
  const ended: string[] = [];
  const ask = (): void => void questions.ask(() => undefined).then(({ kind }) => ended.push(kind));
  ask();
  for (let round = 0; round < 100; round += 1) {
    usedMs += 10;
    clock.advance(PATIENCE_MS);
    await Promise.resolve();
  }
  assert.deepEqual(ended, [], 'on a busy host it works, however slowly');
  clock.advance(PATIENCE_MS);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(ended, ['no-answer']);
  questions.answer(1, 'late');
  ask();
  questions.forget();
  assert.equal(clock.pending, 0);
});

test('a thread that ends answers nothing, and the next thread gets new questions', async () => {
  const { clock, questions, sent, ask } = place();
  void ask();
  clock.advance(PATIENCE_MS);
  const open = ask();
  questions.forget();
  assert.deepEqual(await open, { kind: 'no-answer' });
  for (let count = 0; count < QUESTIONS_MAX; count += 1) void ask();
  assert.equal(sent.length, 2 + QUESTIONS_MAX);
  assert.equal(clock.pending, QUESTIONS_MAX, 'no timer is left of those that were forgotten');
});
