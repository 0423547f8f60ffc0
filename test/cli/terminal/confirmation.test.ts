// The confirmation of a person.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirm } from '../../../src/cli/terminal/prompt.ts';

test('only y and yes confirm; any other answer, and Enter alone, change nothing', async () => {
  for (const answer of ['y', 'yes', ' Y ', 'YES']) await confirm('Forget it?', async () => answer);
  for (const answer of ['', 'n', 'yeah', 'j', 'no'])
    await assert.rejects(
      confirm('Forget it?', async () => answer),
      /nothing was changed/,
    );
});

test('the question says that Enter means no', async () => {
  await confirm('Forget it?', async (question) => {
    assert.equal(question, 'Forget it? [y/N] ');
    return 'y';
  });
});
