// The last line of an import of all selections.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from '../../../src/cli/images/selected-import.ts';

test('everything that was not imported is counted, not only the images', () => {
  assert.equal(failuresText(0, 0), '');
  assert.equal(failuresText(1, 0), 'Not imported: 1 image.');
  assert.equal(failuresText(0, 1), 'Not imported: 1 source or selection.');
  assert.equal(failuresText(2, 3), 'Not imported: 2 images and 3 sources or selections.');
});
