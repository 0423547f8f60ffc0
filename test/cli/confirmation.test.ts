// Whether a person means it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirm } from '../../src/cli/confirmation.ts';

test('only y and yes are taken for yes; anything else, and Enter alone, changes nothing', async () => {
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
