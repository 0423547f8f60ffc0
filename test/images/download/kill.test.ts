// A process that is killed at any byte of a download completes it when it is started again, and asks for at most 4 MiB again.
// @host waits, 20 s
// @long more

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downloadProgram, killDownloads } from '../../support/killed-download.ts';
import { missing } from '../../support/needs.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { HAS_MANY_ROUNDS } from '../../support/rounds.ts';
import { DownloadPlace, makeContent } from './download-place.ts';

const KILLS = HAS_MANY_ROUNDS ? 400 : 20;
const MEBIBYTES = HAS_MANY_ROUNDS ? 64 : 48;
const MIB = 1024 * 1024;

test(`${KILLS} kills at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux'),
}, async (t) => {
  const place = new DownloadPlace();
  try {
    const content = makeContent(MEBIBYTES * MIB);
    const program = downloadProgram(place.directory, content);
    const report = await killDownloads(program, content, KILLS, printedRandom('download kill'));
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.kills, KILLS);
    assert.deepEqual(place.files(), []);
  } finally {
    await place.close();
  }
});
