// As test/images/download/kill.test.ts, with hundreds of kills.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownloadPlace, makeContent } from '../images/download/download-place.ts';
import { downloadProgram, killDownloads } from '../support/killed-download.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';

const KILLS = 400;

test(`${KILLS} kills at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux'),
  timeout: 1_800_000,
}, async (t) => {
  const place = new DownloadPlace();
  try {
    const content = makeContent(64 * 1024 * 1024);
    const report = await killDownloads(
      downloadProgram(place.directory, content),
      content,
      KILLS,
      printedRandom('download kill'),
    );
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.kills, KILLS);
    assert.deepEqual(place.files(), []);
  } finally {
    await place.close();
  }
});
