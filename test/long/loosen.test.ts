// Each bound is made loose by itself in a copy of the tree: the test that its row of docs/bounds.md names must then fail.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HELD } from '../hostile/bounds.ts';
import { LooseTree } from '../hostile/loosen.ts';
import { STILL_PASSES } from '../hostile/still-passes.ts';

describe('with a loose bound, the test that its row names fails:', () => {
  let tree: LooseTree;

  before(() => {
    tree = new LooseTree();
  });
  after(() => tree?.remove());

  for (const row of Object.values(HELD).flat()) {
    if (row.test === undefined || STILL_PASSES.has(row.at)) continue;
    it(row.at, async () => assert.equal(await tree.try(row.at, row.test ?? ''), 'failed'));
  }
});
