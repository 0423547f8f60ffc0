// A group of commands with a list prints it if no further word is typed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { answerControl } from '../support/control-answers.ts';
import { printedBy } from '../support/printed.ts';

for (const group of ['users', 'tags', 'sshkeys', 'racks'])
  test(`rackboot ${group} lists as rackboot ${group} list does`, async (t) => {
    const { config } = await answerControl(t, () => []);
    const said = (...words: readonly string[]) => printedBy(() => runCommandLine([...words, '--config', config]));
    const listed = await said(group, 'list');
    assert.deepEqual([listed.result, listed.text === ''], [0, false]);
    assert.deepEqual(await said(group), listed);
  });
