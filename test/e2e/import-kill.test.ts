// `rackboot images import`, killed at random bytes: it always completes, and asks for at most 4 MiB again. `test/long/` kills it hundreds of times.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killImports } from '../support/killed-import.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';

const KILLS = 10;
const BYTES = 24 * 1024 * 1024;

test(`${KILLS} kills of an import at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux', 'gpg'),
  timeout: 400_000,
}, async (t) => {
  const report = await killImports(BYTES, KILLS, printedRandom('import kill'));
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.kills, KILLS);
  assert.ok(report.files > 0);
});
