// Each bound is made loose, one at a time, in a copy of the tree: the test that its row of docs/bounds.md names must then fail.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HELD } from '../hostile/bounds.ts';
import { LooseTree, mustBe } from '../hostile/loosen.ts';

describe('with a loose bound, the test that its row names fails:', () => {
  let tree: LooseTree;

  before(() => {
    tree = new LooseTree();
  });
  after(() => tree?.remove());

  for (const row of Object.values(HELD).flat()) {
    const { test } = row;
    if (test === undefined) continue;
    it(row.at, async () => assert.equal(await tree.try(row.at, test), mustBe(row)));
  }
});
