// Reads the CPU time of processes from proc(5).

import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; 100 on every common Linux. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat after the program's name, from 0: utime and stime, and those of awaited children. */
const OWN_TIMES = [11, 12] as const;
const CHILD_TIMES = [13, 14] as const;

/** User and system seconds of all threads and ended children; 0 for a process that has ended. */
export function cpuSecondsOf(pid: number | 'self'): number {
  return seconds(pid, [...OWN_TIMES, ...CHILD_TIMES]);
}

/** Seconds that each thread of a process has run, by its number, with its name (/proc/PID/task/…/schedstat, in nanoseconds). */
export function threadSecondsOf(pid: number): ReadonlyMap<string, { readonly name: string; readonly seconds: number }> {
  const threads = new Map<string, { readonly name: string; readonly seconds: number }>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [spent = '0'] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1').split(' ');
      const name = readFileSync(`/proc/${pid}/task/${id}/comm`, 'latin1').trim();
      threads.set(id, { name, seconds: Number(spent) / 1e9 });
    } catch {
      // It has ended.
    }
  }
  return threads;
}

/** Seconds that all processors together were busy since the host started (proc(5), /proc/stat, all but idle and iowait). */
export function busySecondsOfHost(): number {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/);
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Seconds that one processor was idle or waited for a disk since the host started. */
export function idleSecondsOf(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const [, , , idle, waiting] = line.split(' ');
  return (Number(idle) + Number(waiting)) / TICKS_PER_SECOND;
}

function seconds(pid: number | 'self', fields: readonly number[]): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return 0;
  }
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((sum, field) => sum + Number(words[field] ?? 0), 0) / TICKS_PER_SECOND;
}
