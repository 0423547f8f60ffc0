// The closing lines of a lab wait for the line that says that its machine is enlisted, for a while, and not when the lab ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Enlistment, REPORT_MS_MAX } from '../../src/lab/enlistment.ts';
import { ENLISTED_WORDS } from '../../src/lab/lab-words.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** The lab's steps, and the result of the wait; undefined: it still waits. */
const CASES: readonly (readonly [
  name: string,
  act: (enlistment: Enlistment, clock: VirtualClock, stop: AbortController) => unknown,
  reported: boolean | undefined,
])[] = [
  ['nothing said', () => undefined, undefined],
  ['another word of the machine', (enlistment) => enlistment.observeLine('is switched off'), undefined],
  ['the line', (enlistment) => enlistment.observeLine(ENLISTED_WORDS), true],
  ['too long a wait', (_, clock) => clock.advance(REPORT_MS_MAX), false],
  ['nearly too long a wait', (_, clock) => clock.advance(REPORT_MS_MAX - 1), undefined],
  ['the end of the lab', (_enlistment, _clock, stop) => stop.abort(), false],
];

for (const [name, act, expected] of CASES) {
  test(`${name} ${expected === undefined ? 'keeps the closing lines back' : 'lets the closing lines come'}`, async () => {
    const [enlistment, clock, stop] = [new Enlistment(), new VirtualClock(), new AbortController()];
    let result: boolean | undefined;
    void enlistment.whenReported(clock, stop.signal).then((reported) => {
      result = reported;
    });
    await act(enlistment, clock, stop);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(result, expected);
  });
}

test('a line that was said before the wait is enough', async () => {
  const enlistment = new Enlistment();
  enlistment.observeLine(ENLISTED_WORDS);
  assert.equal(await enlistment.whenReported(new VirtualClock(), new AbortController().signal), true);
});
