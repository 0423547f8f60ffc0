// Each case of the hostile suite with its protection taken out of a copy of the tree: others must then be without what they want, which shows that
// the case can fail. With the protection neighbour.test.ts runs them.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CopiedTree } from '../hostile/copied-tree.ts';
import { EVERY_CASE } from '../hostile/every-case.ts';
import { SKIP } from '../hostile/stand.ts';
import { BY_SHARES, failureWithout, passedWithoutShares } from '../hostile/without.ts';

describe('without the protection, others are not served while a host', { skip: SKIP }, () => {
  let tree: CopiedTree;

  before(() => {
    tree = new CopiedTree('without');
  });
  after(() => tree?.remove());

  for (const one of EVERY_CASE) {
    it(`${one.attacker} (${one.door})`, async () => {
      assert.notEqual(await failureWithout(tree, one), undefined, 'the case passes: it shows nothing');
    });
  }

  for (const each of BY_SHARES) {
    it(`fills a door, and places are not shared out (${each[0]})`, async () => {
      const passed = await passedWithoutShares(tree, each);
      assert.ok(passed.size > 0, 'no test has such a name');
      assert.deepEqual(
        [...passed].filter(([, isPassed]) => isPassed),
        [],
      );
    });
  }
});
