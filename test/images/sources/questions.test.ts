// An image comes from the first source, in order, that has it; a silent one before it is awaited for a minute, and named.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import type { SourceAnswer } from '../../../src/images/sources/offer.ts';
import { SourceQuestions } from '../../../src/images/sources/questions.ts';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { unsignedStream } from '../../support/offers.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SECOND = 1000;

/** Asks three sources, which answer when the test says so. */
function ask() {
  const clock = new VirtualClock();
  const notices: string[] = [];
  const open = new Map(['a', 'b', 'c'].map((name) => [name, Promise.withResolvers<SourceAnswer>()]));
  const sources = [...open.keys()].map((name): ImageSource => unsignedStream({ name }));
  const namesOf = (some: readonly ImageSource[]): string => some.map(({ name }) => name).join();
  const questions = new SourceQuestions(sources, {
    ask: async ({ name }, signal) => {
      signal.addEventListener('abort', () => open.get(name)?.reject(new Error('closed')));
      return await (open.get(name)?.promise ?? assert.fail());
    },
    clock,
    patienceMs: 60 * SECOND,
    onChange: () => notices.push('change'),
    onWait: (some) => notices.push(`wait ${namesOf(some)}`),
    onGiveUp: (some) => notices.push(`without ${namesOf(some)}`),
  });
  return {
    clock,
    questions,
    /** Without changes. */
    notices: { list: () => notices.filter((one) => one !== 'change') },
    changes: () => notices.filter((one) => one === 'change').length,
    /** @param has true: it has the image */
    answer: (source: string, has: boolean) =>
      open.get(source)?.resolve({ source, offers: [], problems: [], isUnread: has }),
    fail: (source: string, error: Error) => open.get(source)?.reject(error),
    pass: (seconds: number) => clock.pass(seconds * SECOND),
    /** Begins to wait. @returns the sources whose answers it got; undefined: it still waits */
    wait(isHit?: (answer: SourceAnswer) => boolean) {
      let got: string | undefined;
      questions.until(isHit).then(
        (answers) => {
          got = answers.map(({ source }) => source).join();
        },
        (error: Error) => {
          got = error.message;
        },
      );
      return () => got;
    },
  };
}

const isHit = ({ isUnread }: SourceAnswer): boolean => isUnread === true;

describe('the answers that decide', () => {
  test('are there as soon as the first source has the image', async () => {
    const { questions, wait, answer, pass, notices } = ask();
    const got = wait(isHit);
    answer('a', true);
    await pass(0);
    assert.equal(got(), 'a');
    assert.equal(questions.received.length, 1);
    assert.deepEqual(notices.list(), []);
  });

  test('are those of the sources before it, too', async () => {
    const { wait, answer, pass, notices } = ask();
    const got = wait(isHit);
    answer('b', true);
    await pass(30);
    assert.equal(got(), undefined);
    answer('a', false);
    await pass(0);
    assert.equal(got(), 'a,b');
    assert.deepEqual(notices.list(), ['wait a', 'wait a']);
  });

  test('leave out an earlier source after a minute, which is named', async () => {
    const { wait, answer, pass, notices } = ask();
    const got = wait(isHit);
    await pass(10);
    answer('b', true);
    await pass(49);
    assert.equal(got(), undefined);
    await pass(1);
    assert.equal(got(), 'b');
    assert.deepEqual(notices.list(), ['wait a,b,c', 'wait a', 'wait a', 'without a']);
  });

  test('are awaited if no source has the image yet; the first one that has it after the minute ends that', async () => {
    const { wait, answer, pass, notices } = ask();
    const got = wait(isHit);
    answer('b', false);
    await pass(100);
    assert.equal(got(), undefined);
    answer('c', true);
    await pass(0);
    assert.equal(got(), 'b,c');
    assert.deepEqual([notices.list().length, notices.list()[0], notices.list().at(-1)], [6, 'wait a,c', 'without a']);
  });

  test('are all of them, if each counts; one that fails ends the wait', async () => {
    const { questions, wait, answer, pass } = ask();
    const [got, again] = [wait(), wait(isHit)];
    answer('c', false);
    answer('a', false);
    await pass(0);
    assert.equal(got(), undefined);
    answer('b', false);
    await pass(0);
    assert.deepEqual([got(), again()], ['a,b,c', 'a,b,c']);
    assert.equal(questions.received.length, 3);
    const other = ask();
    other.answer('b', true);
    other.fail('a', new RackError('cancelled', 'stopped'));
    await other.pass(0);
    const late = other.wait(isHit);
    await other.pass(0);
    assert.equal(late(), 'stopped');
  });
});

test('a source that does not answer is late after a while, and its answer counts all the same; no answer comes after the end', async () => {
  const { clock, questions, answer, pass, changes } = ask();
  const states = (): string =>
    questions.answers.map(([{ name }, one]) => `${name} ${typeof one === 'object' ? 'answered' : one}`).join();
  answer('b', false);
  await pass(59);
  assert.deepEqual([states(), questions.isSettled, changes()], ['a open,b answered,c open', false, 1]);
  await pass(1);
  assert.deepEqual([states(), questions.isSettled, questions.hasEnded], ['a late,b answered,c late', true, false]);
  answer('a', false);
  await pass(0);
  assert.deepEqual([states(), questions.hasEnded, changes()], ['a answered,b answered,c late', false, 4]);
  questions.close();
  await pass(0);
  assert.deepEqual([questions.hasEnded, changes(), clock.pending], [true, 4, 0]);
});
