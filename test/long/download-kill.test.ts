// Hundreds of kills of a download.
// @host alone

import { testKilledDownloads } from '../cases/killed-downloads.ts';

testKilledDownloads(400, 64, 1_800_000);
