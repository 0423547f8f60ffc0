// Further ends and refusals of the guided lab: `e2e/lab.test.ts` has the first ones.
// @host alone

import { after, describe, test } from 'node:test';
import { endProgram } from '../support/child.ts';
import { assertEndsWhenClosedAfter, assertLabRefuses, endAndLook, Program } from '../support/guided-lab.ts';
import { missing } from '../support/needs.ts';

const MS_MAX = 240_000;

describe('the guided lab', { skip: missing('linux', 'setpriv') }, () => {
  let lab: Program | undefined;
  after(async () => {
    if (lab !== undefined) await endProgram(lab.child, 'SIGINT');
  });

  test('with two racks leaves nothing behind when it is ended', { timeout: MS_MAX }, async () => {
    lab = new Program(['lab', '--machines', '2', '--racks', '2']);
    await lab.says(/2 of 2 machines have reached their planned states/, MS_MAX);
    await lab.says(/Ctrl-C ends the lab/);
    await endAndLook(lab);
  });

  // Lines after which the machine does something else: DHCP, files, the report. Behind the sixth comes all that there is, at once.
  for (const lines of [1, 5])
    test(
      `ends soon and leaves no directory or daemon when its output is closed after ${lines} lines`,
      {
        timeout: MS_MAX,
      },
      () => assertEndsWhenClosedAfter(lines),
    );

  for (const [words, complaint] of [
    [['--machines', '201'], '--machines is 201, but must be a whole number from 1 to 200'],
    [['--machines', '9', '--racks', '5'], '--racks is 5, but must be a whole number from 1 to 4'],
  ] as const)
    test(`refuses ${words.join(' ')}`, { timeout: MS_MAX }, () => assertLabRefuses(words, complaint));
});
