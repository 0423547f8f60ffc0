// A process that downloads one file, for tests that kill it. Argument: the request as JSON.

import { systemClock } from '../../src/ground/clock.ts';
import { DownloadQueue } from '../../src/images/download/queue.ts';
import type { DownloadRequest } from '../../src/images/download/request.ts';
import { DEFAULT_SETTINGS } from '../../src/images/download/settings.ts';
import { endOf } from './download-end.ts';

const request: DownloadRequest = JSON.parse(process.argv[2] ?? '');
const queue = new DownloadQueue(DEFAULT_SETTINGS, systemClock);
const state = await endOf(queue, request);
console.log(JSON.stringify({ state }));
await queue.close();
process.exitCode = state.kind === 'done' ? 0 : 1;
