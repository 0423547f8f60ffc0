// Time and chance. Only this file reads a clock, sets a timer or draws a random number; everything
// else is handed a `Clock` or an `Instant`, so that tests run in virtual time.
//
// 1. An Instant never goes back and never jumps: it is the wall time at the process's start plus
//    the monotonic time since. All threads agree on it.
// 2. Wall time is only for what leaves the process: a log line, a row in a database, an HTTP header.

import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** A moment, in milliseconds; comparable only within one process. */
export type Instant = number & { readonly __instant: true };
export type Milliseconds = number & { readonly __milliseconds: true };
/** A duration in whole seconds, as DHCP and DNS carry it. */
export type Seconds = number & { readonly __seconds: true };

export const instant = (ms: number): Instant => ms as Instant;
export const milliseconds = (ms: number): Milliseconds => ms as Milliseconds;
export const seconds = (s: number): Seconds => s as Seconds;

/** `at` moved by `ms` milliseconds (negative: earlier). */
export const later = (at: Instant, ms: number): Instant => (at + ms) as Instant;

/** Cancelling a timer that has fired does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** The present moment. */
  now(): Instant;
  /** Milliseconds since 1970, only for values that leave the process. */
  wallTimeMs(): number;
  /** Calls `action` once, in a later turn even for 0. A pending timer does not keep the process alive. */
  schedule(delayMs: number, action: () => void): Timer;
  /** Random bytes of cryptographic quality. */
  randomBytes(count: number): Uint8Array<ArrayBuffer>;
}

/** Loaded with the first use: some threads never draw, and start 6 ms of processor time sooner. */
const cryptography = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

/** A local copy, because the global is looked up again at each reading. */
const monotonic = performance;

/** What to add to `performance.now()`, which counts from the start of each thread. */
function readingOffsetMs(): number {
  const { getEnvironmentData, setEnvironmentData } = process.getBuiltinModule('node:worker_threads');
  const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
  const offsetMs = Number(getEnvironmentData(CLOCK_OFFSET_KEY) ?? Date.now() - monotonicMs);
  // Threads inherit this value.
  setEnvironmentData(CLOCK_OFFSET_KEY, offsetMs);
  return offsetMs + monotonicMs - monotonic.now();
}

const CLOCK_OFFSET_KEY = 'rackboot-clock';
const offsetMs = readingOffsetMs();

export const systemClock: Clock = {
  now: () => instant(offsetMs + monotonic.now()),
  wallTimeMs: () => Date.now(),
  schedule(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  randomBytes: (count) => cryptography().randomBytes(count),
};

/** Settles as `work` does, or after `ms` milliseconds as `late` does. `work` itself goes on. */
export async function withTimeout<T, L>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  onTimeout: () => L,
): Promise<T | L> {
  const deadline = Promise.withResolvers<void>();
  const timer = clock.schedule(ms, deadline.resolve);
  try {
    return await Promise.race([work, deadline.promise.then(onTimeout)]);
  } finally {
    timer.cancel();
  }
}

/** Settles after `ms` milliseconds. */
export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.schedule(ms, resolve));

/**
 * Does `work` every `ms` milliseconds, until the timer is cancelled. A promise that it returns is
 * waited for first.
 * @param firstMs before the first time
 */
export function repeat(clock: Clock, ms: number, work: () => unknown, firstMs = ms): Timer {
  let isCancelled = false;
  const scheduleNext = (): void => {
    if (!isCancelled) timer = clock.schedule(ms, run);
  };
  const run = (): void => {
    const result = work();
    if (result instanceof Promise) void result.finally(scheduleNext);
    else scheduleNext();
  };
  let timer = clock.schedule(firstMs, run);
  return {
    cancel() {
      isCancelled = true;
      timer.cancel();
    },
  };
}

/** Waits in real time, keeping the process alive: for the command line and the edges of the process. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A UUID in lower case. */
export const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const newUuid = (): string => cryptography().randomUUID();

/** Identifies this boot: changes when the host restarts. Empty if the system has no such identifier. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** The kernel's CLOCK_MONOTONIC, which systemd compares with its own reading. */
export const readMonotonicMicroseconds = (): bigint => process.hrtime.bigint() / 1000n;

/** Since the host was started. */
export const readUptimeSeconds = (): number => uptime();
