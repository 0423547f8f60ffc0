// An image comes from the first source, in order, that has it; a silent one before it is awaited for a minute, and named.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RackError } from '../../../src/errors.ts';
import type { SourceAnswer } from '../../../src/images/sources/offer.ts';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { SourceQuestions } from '../../../src/images/sources/source-questions.ts';
import { unsignedStream } from '../../support/offers.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SECOND = 1000;

/** Asks three sources, which answer when the test says so. */
function ask() {
  const clock = new VirtualClock();
  const notices: string[] = [];
  const open = new Map(['a', 'b', 'c'].map((name) => [name, Promise.withResolvers<SourceAnswer>()]));
  const sources = [...open.keys()].map((name): ImageSource => unsignedStream({ name }));
  const questions = new SourceQuestions(
    sources,
    async ({ name }) => await (open.get(name)?.promise ?? assert.fail()),
    clock,
    {
      onWait: (names) => notices.push(`wait ${names.join()}`),
      onGiveUp: (names) => notices.push(`without ${names.join()}`),
    },
  );
  return {
    questions,
    notices,
    /** @param has true: it has the image */
    answer: (source: string, has: boolean) =>
      open.get(source)?.resolve({ source, offers: [], problems: [], isUnread: has }),
    fail: (source: string, error: Error) => open.get(source)?.reject(error),
    pass: (seconds: number) => clock.pass(seconds * SECOND),
    /** Begins to wait. @returns the sources whose answers it got; undefined: it still waits */
    wait(isHit?: (answer: SourceAnswer) => boolean) {
      let got: string | undefined;
      questions.answers(isHit).then(
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
    assert.equal(questions.come.length, 1);
    assert.deepEqual(notices, []);
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
    assert.deepEqual(notices, ['wait a', 'wait a']);
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
    assert.deepEqual(notices, ['wait a,b,c', 'wait a', 'wait a', 'without a']);
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
    assert.deepEqual([notices.length, notices[0], notices.at(-1)], [6, 'wait a,c', 'without a']);
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
    assert.equal(questions.come.length, 3);
    const other = ask();
    other.answer('b', true);
    other.fail('a', new RackError('cancelled', 'stopped'));
    await other.pass(0);
    const late = other.wait(isHit);
    await other.pass(0);
    assert.equal(late(), 'stopped');
  });
});
