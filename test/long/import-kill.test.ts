// `rackboot images import`, killed hundreds of times at random bytes: it always completes, and asks for at most 4 MiB again.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killImports } from '../support/killed-import.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';

const KILLS = 300;
const BYTES = 48 * 1024 * 1024;

test(`${KILLS} kills of an import at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux', 'gpg'),
}, async (t) => {
  const report = await killImports(BYTES, KILLS, printedRandom('import kill'));
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.kills, KILLS);
  assert.ok(report.files > 0);
});
