// A process that is killed at any byte of a download completes it when it is started again, and asks for at most 4 MiB again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownloadPlace, makeContent } from '../images/download/download-place.ts';
import { downloadProgram, killDownloads } from '../support/killed-download.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';

const MIB = 1024 * 1024;

/** @param mebibytes the size of the file */
export function testKilledDownloads(kills: number, mebibytes: number, timeoutMs: number): void {
  test(`${kills} kills at random bytes lose nothing, and at most 4 MiB each are sent again`, {
    skip: missing('linux'),
    timeout: timeoutMs,
  }, async (t) => {
    const place = new DownloadPlace();
    try {
      const content = makeContent(mebibytes * MIB);
      const program = downloadProgram(place.directory, content);
      const report = await killDownloads(program, content, kills, printedRandom('download kill'));
      t.diagnostic(JSON.stringify(report));
      assert.equal(report.kills, kills);
      assert.deepEqual(place.files(), []);
    } finally {
      await place.close();
    }
  });
}
