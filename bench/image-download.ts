// A process that downloads one file in a queue, and prints its times and its peak memory as JSON. Argument: the request as JSON.
//
// `writtenMs`: until all bytes are written and hashed; `ms`: until they are on disk under the file's name.

import { readFileSync } from 'node:fs';
import { systemClock } from '../src/ground/clock.ts';
import { DownloadQueue } from '../src/images/download/queue.ts';
import type { DownloadRequest } from '../src/images/download/request.ts';
import { DEFAULT_SETTINGS } from '../src/images/download/settings.ts';
import { endOf } from '../test/support/download-end.ts';
import { cpuSecondsOf } from './process-cpu.ts';

const request: DownloadRequest = JSON.parse(process.argv[2] ?? '');
const thread = new DownloadQueue(DEFAULT_SETTINGS, systemClock);
const startedAt = systemClock.now();
const startedCpu = cpuSecondsOf('self');
let writtenMs: number | undefined;
const state = await endOf(thread, request, {
  onState: ({ kind }) => {
    if (kind === 'verifying') writtenMs ??= systemClock.now() - startedAt;
  },
});
const ms = systemClock.now() - startedAt;
const cpuSeconds = cpuSecondsOf('self') - startedCpu;
const peakMib = Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
await thread.close();
console.log(JSON.stringify({ state, writtenMs, ms, cpuSeconds, peakMib }));
