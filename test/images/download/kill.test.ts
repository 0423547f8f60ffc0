// Twenty kills of a download; the long suite has hundreds.
// @host waits, 20 s

import { testKilledDownloads } from '../../cases/killed-downloads.ts';

testKilledDownloads(20, 48, 120_000);
