// `node bin/with-node.js test/conformance/break-musts.ts [words of a row …]`: each demand on this server is broken in a copy of the tree, as
// must-breaks.ts says, and the tests that its row names are run by their names. Each of them must then fail, by an assertion; one of them, if the
// demand is broken in one case only.
// It exits with 1 if one of them does not, or if no row has all of the words.

import { BrokenTree } from './broken-tree.ts';
import { DHCP_MUSTS } from './dhcp-musts.ts';
import type { Proof } from './must.ts';
import { nameOf, PARTIAL_BREAKS } from './must-breaks/partial.ts';
import type { BrokenMust } from './must-breaks/row.ts';
import { keyOf, MUST_BREAKS } from './must-breaks.ts';

/** The tests of a row. */
export function proofsOf(row: BrokenMust): readonly Proof[] {
  const verdict = DHCP_MUSTS.find((must) => keyOf(must) === keyOf(row))?.verdict;
  return verdict === undefined || verdict.kind === 'not-ours' ? [] : verdict.tests;
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const rows = MUST_BREAKS.filter((row) => words.every((word) => keyOf(row).includes(word)));
  const parts = PARTIAL_BREAKS.filter((row) => words.every((word) => nameOf(row).includes(word)));
  if (rows.length + parts.length === 0) {
    console.error(`no row has all of these words: ${words.join(' ')}`);
    process.exit(1);
  }
  const tree = new BrokenTree('musts');
  try {
    for (const row of rows) {
      const unshaken = await tree.unshaken(row.breaks, proofsOf(row));
      console.log(`${unshaken.length === 0 ? '✔' : '✖'} ${keyOf(row)}`);
      for (const { file, name } of unshaken) console.log(`    ${file}: ${name}`);
      if (unshaken.length > 0) process.exitCode = 1;
    }
    for (const row of parts) {
      const shown = await tree.try(row.breaks, proofsOf(row));
      console.log(`${shown === 'failed' ? '✔' : `✖ ${shown}`} ${nameOf(row)}`);
      if (shown !== 'failed') process.exitCode = 1;
    }
  } finally {
    tree.remove();
  }
}
