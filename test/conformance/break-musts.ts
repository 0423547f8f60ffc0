// `node bin/with-node.js test/conformance/break-musts.ts [words of a row …]`: each demand on this server is broken in a copy of the tree, as
// must-breaks.ts says, and the tests that its row names are run by their names. One of them must then fail, by an assertion.

import { BrokenTree } from './broken-tree.ts';
import { DHCP_MUSTS, type Proof } from './dhcp-musts.ts';
import type { BrokenMust } from './must-breaks/row.ts';
import { keyOf, MUST_BREAKS } from './must-breaks.ts';

/** The tests of a row to run: those on real wires only if there is no other. */
export function proofsOf(row: BrokenMust): readonly Proof[] {
  const verdict = DHCP_MUSTS.find((must) => keyOf(must) === keyOf(row))?.verdict;
  const all: readonly Proof[] = verdict === undefined || verdict.kind === 'not-ours' ? [] : verdict.tests;
  const quick = all.filter(({ file }) => !file.startsWith('test/e2e/'));
  return quick.length > 0 ? quick : all;
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const rows = MUST_BREAKS.filter((row) => words.every((word) => keyOf(row).includes(word)));
  const tree = new BrokenTree('musts');
  try {
    for (const row of rows) {
      const shown = await tree.try(row.breaks, proofsOf(row));
      console.log(`${shown === 'failed' ? '✔' : '✖'} ${shown} ${keyOf(row)}`);
    }
  } finally {
    tree.remove();
  }
}
