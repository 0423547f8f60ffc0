// A process that is killed at any byte of a download completes it when it is started again, and asks for at most 4 MiB again.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downloadProgram, killDownloads } from '../../support/killed-download.ts';
import { missing } from '../../support/needs.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { DownloadPlace, makeContent } from './download-place.ts';

const KILLS = 20;

test(`${KILLS} kills at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux'),
  timeout: 120_000,
}, async (t) => {
  const place = new DownloadPlace();
  try {
    const content = makeContent(48 * 1024 * 1024);
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
