// Each demand of the RFCs of DHCP is broken, one at a time, in a copy of the tree: one of the tests that its row of docs/dhcp-conformance.md names must then
// fail, by an assertion.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proofsOf } from '../conformance/break-musts.ts';
import { BrokenTree } from '../conformance/broken-tree.ts';
import { keyOf, MUST_BREAKS } from '../conformance/must-breaks.ts';

describe('with a broken demand, a test that its row names fails:', () => {
  let tree: BrokenTree;

  before(() => {
    tree = new BrokenTree('musts');
  });
  after(() => tree?.remove());

  for (const row of MUST_BREAKS)
    it(keyOf(row), async () => assert.equal(await tree.try(row.breaks, proofsOf(row)), 'failed'));
});
