// Each bound is made loose by itself in a copy of the tree: the test that its row of docs/bounds.md names must then fail.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HELD } from '../hostile/bounds.ts';
import { isUnit, LooseTree } from '../hostile/loosen.ts';

describe('with a loose bound, the test that its row names fails:', () => {
  let tree: LooseTree;

  before(() => {
    tree = new LooseTree();
  });
  after(() => tree?.remove());

  for (const row of Object.values(HELD).flat()) {
    // Those of namespaces and whole racks are tried by hand: node test/hostile/loosen.ts BOUND.
    if (!isUnit(row)) continue;
    it(row.at, async () => assert.equal(await tree.try(row.at, row.test ?? ''), 'failed'));
  }
});
