// A download of 2 GiB takes no memory for the size of its file.
// @host computes, 20 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownloadPlace } from '../images/download/download-place.ts';
import { measureDownload } from '../support/measured-download.ts';
import { missing } from '../support/needs.ts';

const GIB = 1024 ** 3;
/** The process needs about 150 MiB for any file. */
const PEAK_MIB_MAX = 256;

test('a file of 2 GiB takes no memory for its size', { skip: missing('linux') }, async (t) => {
  const place = new DownloadPlace();
  try {
    const { peakMib, said } = await measureDownload(place.directory, 2 * GIB);
    t.diagnostic(`2 GiB: at most ${Math.round(peakMib)} MiB in memory`);
    assert.match(said, /"kind":"done"/);
    assert.ok(peakMib < PEAK_MIB_MAX, `${peakMib} MiB`);
  } finally {
    await place.close();
  }
});
