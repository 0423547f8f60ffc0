// The questions of a run to its sources: how long a source is waited for, and which questions a renewal of the run begins.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as rest } from 'node:timers/promises';
import type { SourceAnswer } from '../../src/images/sources/offer.ts';
import type { ImageSource } from '../../src/images/sources/source.ts';
import { AWAITED_MS, type SelectedSource } from '../../src/region-thread/imports/plan.ts';
import { Questions } from '../../src/region-thread/imports/questions.ts';
import { unsignedStream } from '../support/offers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function selected(name: string, release = '*'): SelectedSource {
  const source: ImageSource = unsignedStream({ name, url: `http://${name}/` });
  return { source, selections: [{ os: '*', release, arches: ['*'], subarches: ['*'], labels: ['*'] }] };
}
const answerOf = (source: string): SourceAnswer => ({ source, offers: [], problems: [] });

/** Questions that the test answers. */
function place() {
  const clock = new VirtualClock();
  const asked: { readonly name: string; readonly signal: AbortSignal; readonly answer: () => void }[] = [];
  const calls: string[] = [];
  const questions = new Questions({
    clock,
    ask: ({ source: { name } }, signal) => {
      const { promise, resolve } = Promise.withResolvers<SourceAnswer>();
      const answer = (): void => resolve(answerOf(name));
      signal.addEventListener('abort', answer);
      asked.push({ name, signal, answer });
      return promise;
    },
    onAnswer: () => calls.push('answer'),
    onEnd: () => calls.push('end'),
    onBug: (error) => assert.fail(String(error)),
  });
  const states = (): readonly string[] =>
    questions.answers.map(
      ([{ source }, answer]) => `${source.name} ${typeof answer === 'object' ? 'answered' : answer}`,
    );
  return { clock, asked, calls, questions, states };
}

test('a source that does not answer is late after a while, and its answer counts all the same', async () => {
  const { clock, asked, calls, questions, states } = place();
  questions.begin([selected('a'), selected('b')]);
  asked[1]?.answer();
  await rest();
  clock.advance(AWAITED_MS - 1);
  assert.deepEqual([states(), questions.areAnswered], [['a undefined', 'b answered'], false]);
  clock.advance(1);
  assert.deepEqual([states(), questions.areAnswered, questions.areOver], [['a late', 'b answered'], true, false]);
  assert.deepEqual(calls, ['answer', 'end', 'answer']);
  asked[0]?.answer();
  await rest();
  assert.deepEqual([states(), questions.areOver], [['a answered', 'b answered'], true]);
  assert.equal(clock.pending, 0);
});

test('a renewal continues a question, which is asked once more after its answer; an answered one begins at once', async () => {
  const { asked, questions, states } = place();
  const sources = [selected('a'), selected('b')];
  questions.begin(sources);
  asked[1]?.answer();
  await rest();
  questions.begin(sources);
  questions.begin(sources);
  const names = (): string => asked.map(({ name }) => name).join('');
  assert.equal(names(), 'abb');
  asked[0]?.answer();
  await rest();
  assert.deepEqual([names(), states()], ['abba', ['a answered', 'b undefined']]);
  asked[2]?.answer();
  asked[3]?.answer();
  await rest();
  assert.deepEqual([names(), questions.areOver], ['abbab', false]);
  asked[4]?.answer();
  await rest();
  assert.ok(questions.areOver);
});

test('a question whose source or selections have changed ends, and so do all when the run is stopped', async () => {
  const { clock, asked, calls, questions, states } = place();
  questions.begin([selected('a'), selected('b')]);
  questions.begin([selected('a', 'noble')]);
  assert.deepEqual(
    asked.map(({ name, signal }) => `${name} ${signal.aborted}`),
    ['a true', 'b true', 'a false'],
  );
  await rest();
  assert.deepEqual([states(), calls, questions.areOver], [['a undefined'], ['end', 'end'], false]);
  questions.stop();
  await rest();
  assert.deepEqual([questions.areOver, clock.pending], [true, 0]);
});
