// Wall clocks of programs that a file sets: libfaketime stands between a program and the system's wall clock; monotonic time is untouched.
// Source: faketime(1).

import { globSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { MEMORY_ROOT } from './memory-place.ts';

const [LIBRARY = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');

/** The variables of a program whose wall clock a file sets. */
export const clockOf = (file: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: LIBRARY,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
});

/** Runs `work`, in which programs start, with such a clock. */
export async function withClock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const said = clockOf(file);
  Object.assign(process.env, said);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(said)) delete process.env[name];
  }
}

/** Sets such a clock, in whole seconds against the true one. */
export const setClock = (file: string, seconds: number): void =>
  writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);

const sharedMemory = (): readonly string[] => globSync('{,sem.}faketime_*', { cwd: MEMORY_ROOT });

/** For a file that has the host to itself: removes what programs that a test kills leave in shared memory. */
export function removeSharedClocks(): void {
  const before = new Set(sharedMemory());
  after(() => {
    for (const name of sharedMemory()) if (!before.has(name)) rmSync(join(MEMORY_ROOT, name), { force: true });
  });
}
