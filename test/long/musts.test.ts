// Each demand of the RFCs of DHCP is broken, one at a time, in a copy of the tree: each test that its row of docs/dhcp-conformance.md names must then
// fail, by an assertion. If the demand is broken in one case only, one of these tests must.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proofsOf } from '../conformance/break-musts.ts';
import { BrokenTree } from '../conformance/broken-tree.ts';
import { nameOf, PARTIAL_BREAKS } from '../conformance/must-breaks/partial.ts';
import type { BrokenMust } from '../conformance/must-breaks/row.ts';
import { keyOf, MUST_BREAKS } from '../conformance/must-breaks.ts';
import { missing } from '../support/needs.ts';

/** Needs of test/e2e/clients-dhcp.test.ts. */
const CLIENT_NEEDS = ['linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient', 'dhcpcd', 'tcpdump', 'unshare'] as const;

const skipOf = (row: BrokenMust) =>
  proofsOf(row).some(({ file }) => file === 'test/e2e/clients-dhcp.test.ts') && missing(...CLIENT_NEEDS);

let tree: BrokenTree;

before(() => {
  tree = new BrokenTree('musts');
});
after(() => tree?.remove());

describe('with a broken demand, each test that its row names fails:', () => {
  for (const row of MUST_BREAKS) {
    it(keyOf(row), { skip: skipOf(row) }, async () =>
      assert.deepEqual(await tree.unshaken(row.breaks, proofsOf(row)), []),
    );
  }
});

describe('with a demand that is broken in one case only, a test that its row names fails:', () => {
  for (const row of PARTIAL_BREAKS) {
    it(nameOf(row), { skip: skipOf(row) }, async () =>
      assert.equal(await tree.try(row.breaks, proofsOf(row)), 'failed'),
    );
  }
});
