// Faults that strangers and other people's suites once found are made again, one at a time, in a copy of the tree. A test of the fault must then
// fail, by an assertion.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokenTree } from '../conformance/broken-tree.ts';
import { MENDED } from '../conformance/mended.ts';

for (const { point, rows } of MENDED) {
  describe(`${point}: with the mend taken out, a test fails that shows:`, () => {
    let tree: BrokenTree;

    before(() => {
      tree = new BrokenTree('mended');
    });
    after(() => tree?.remove());

    for (const { holds, tests, breaks, secondsMax } of rows)
      it(holds, async () => assert.equal(await tree.try(breaks, tests, secondsMax), 'failed'));
  });
}
