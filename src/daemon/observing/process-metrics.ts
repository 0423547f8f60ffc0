// The metrics of the process itself: its version, start time, CPU time, memory, open files, and
// event loop lag.

import { readdirSync } from 'node:fs';
import type { Clock } from '../../ground/clock.ts';
import type { DurationCounts } from '../../ground/counters.ts';
import type { Exposition } from '../../observe/exposition.ts';

interface ProcessFacts {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly lags: () => DurationCounts;
}

/** Adds the metrics of the process. Names without `rackboot_` are those that every Prometheus client uses. */
export function addProcess(exposition: Exposition, { version, startedWallMs, lags }: ProcessFacts): void {
  exposition.gauge('rackboot_build_info', 'Always 1; the labels name the running versions.', [
    { labels: { version, node: process.versions.node }, value: 1 },
  ]);
  const { user, system } = process.cpuUsage();
  exposition.gauge(
    'process_start_time_seconds',
    'When the process started, in seconds since 1970.',
    startedWallMs / 1000,
  );
  exposition.counter('process_cpu_seconds_total', 'CPU time of all threads.', (user + system) / 1e6);
  exposition.gauge(
    'process_resident_memory_bytes',
    'Resident memory of the process, including its threads.',
    process.memoryUsage.rss(),
  );
  exposition.gauge('process_open_fds', 'Open file descriptors.', countDescriptors());
  exposition.gauge('rackboot_heap_used_bytes', "Heap of the rack's own thread.", process.memoryUsage().heapUsed);
  exposition.histogram(
    'rackboot_loop_lag_seconds',
    "How late the rack's event loop was, sampled ten times a second.",
    lags(),
  );
}

function countDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
