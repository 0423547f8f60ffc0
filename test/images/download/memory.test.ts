// A download takes no memory for the size of its file. test/long/download-memory.test.ts has one of 2 GiB.
// @host waits, 5 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureDownload } from '../../support/measured-download.ts';
import { missing } from '../../support/needs.ts';
import { DownloadPlace } from './download-place.ts';

const MIB = 1024 * 1024;
const FILE_MIB = 384;
/** The process needs about 150 MiB for any file. */
const PEAK_MIB_MAX = 256;

test(`a file of ${FILE_MIB} MiB takes no memory for its size`, {
  skip: missing('linux'),
  timeout: 120_000,
}, async (t) => {
  const place = new DownloadPlace();
  try {
    const { peakMib, said } = await measureDownload(place.directory, FILE_MIB * MIB);
    t.diagnostic(`${FILE_MIB} MiB: at most ${Math.round(peakMib)} MiB in memory`);
    assert.match(said, /"kind":"done"/);
    assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
  } finally {
    await place.close();
  }
});
