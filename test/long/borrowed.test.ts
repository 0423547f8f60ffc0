// No file of the product keeps borrowed bytes beyond the call that lent them. Every run judges the files that name a borrowed type, and those that
// import one of them.
// @host computes, 60 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findKeepers } from '../support/typed-source.ts';

test('borrowed bytes are kept nowhere: they go only where a type says that they are borrowed', () => {
  assert.deepEqual(findKeepers(), [], 'copy them (copyBytes of src/net/borrowed-bytes.ts) before they are kept');
});
