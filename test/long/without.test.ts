// Each case of the hostile suite with its protection taken out of a copy of the tree: bystanders must then go unserved, which shows that
// the case can fail. With the protection neighbour.test.ts runs them.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EVERY_CASE } from '../hostile/every-case.ts';
import { SKIP } from '../hostile/stand.ts';
import { BY_SHARES, passedWithoutShares, UnprotectedSite } from '../hostile/without.ts';

describe('without the protection, others are not served while a host', { skip: SKIP }, () => {
  let site: UnprotectedSite;

  before(async () => {
    site = await UnprotectedSite.open();
  });
  after(() => site?.close());

  for (const one of EVERY_CASE) {
    it(`${one.attacker} (${one.door})`, async () => {
      assert.notEqual(await site.failureWithout(one), undefined, 'the case passes: it shows nothing');
    });
  }

  for (const each of BY_SHARES) {
    it(`fills a door, and places are not shared out (${each[0]})`, async () => {
      const passed = await passedWithoutShares(site.tree, each);
      assert.ok(passed.size > 0, 'no test has such a name');
      assert.deepEqual(
        [...passed].filter(([, isPassed]) => isPassed),
        [],
      );
    });
  }
});
