// Each demand of the RFCs of DHCP is broken, one at a time, in a copy of the tree: each test that its row of docs/dhcp-conformance.md names must then
// fail, by an assertion.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proofsOf } from '../conformance/break-musts.ts';
import { BrokenTree } from '../conformance/broken-tree.ts';
import { keyOf, MUST_BREAKS } from '../conformance/must-breaks.ts';
import { missing } from '../support/needs.ts';

/** Needs of test/e2e/clients-dhcp.test.ts. */
const CLIENT_NEEDS = ['linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient', 'dhcpcd', 'tcpdump', 'unshare'] as const;

describe('with a broken demand, each test that its row names fails:', () => {
  let tree: BrokenTree;

  before(() => {
    tree = new BrokenTree('musts');
  });
  after(() => tree?.remove());

  for (const row of MUST_BREAKS) {
    const proofs = proofsOf(row);
    const skip = proofs.some(({ file }) => file === 'test/e2e/clients-dhcp.test.ts') && missing(...CLIENT_NEEDS);
    it(keyOf(row), { skip }, async () => assert.deepEqual(await tree.unshaken(row.breaks, proofs), []));
  }
});
