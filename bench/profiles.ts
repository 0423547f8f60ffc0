// The profiles of a Rackboot that a benchmark starts: the functions that its threads spend their time in. The profiles stay, for the tools of
// browsers (`.cpuprofile`).
//
// 1. A thread that waits in a system call, as that of the TFTP transfers, leaves no profile.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '../src/ground/clock.ts';
import type { Figure } from './figure.ts';
import { type CpuProfile, selfTimes } from './self-time.ts';

const FUNCTIONS = 10;
const WRITTEN_MS_MAX = 30_000;
/** Until each thread has noticed that it is to start, or has written its profile after the main thread. */
const [BEGIN_MS, END_MS] = [300, 1000];
const ROOT = join(import.meta.dirname, '..');

export class Profiles {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'rackboot-profile-'));

  /** A daemon that starts during `run` can be profiled. */
  async around<T>(run: () => Promise<T>): Promise<T> {
    const own = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = `${own ?? ''} --import=${join(import.meta.dirname, 'profiler.ts')}`;
    process.env.RACKBOOT_PROFILE = this.directory;
    try {
      return await run();
    } finally {
      delete process.env.RACKBOOT_PROFILE;
      if (own === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = own;
    }
  }

  /** Samples the daemon's threads while `run` lasts. @throws Error when the main thread writes no profile */
  async sample<T>(run: () => Promise<T>): Promise<T> {
    writeFileSync(join(this.directory, 'on'), '');
    await sleep(BEGIN_MS);
    const result = await run();
    rmSync(join(this.directory, 'on'));
    await awaitFile(join(this.directory, 'main.cpuprofile'));
    await sleep(END_MS);
    return result;
  }

  /** What a thread spent most of its time in; nothing if it left no profile. */
  functionsOf(thread: string): readonly Figure[] {
    const file = join(this.directory, `${thread}.cpuprofile`);
    if (!existsSync(file)) return [];
    const profile: CpuProfile = JSON.parse(readFileSync(file, 'utf8'));
    return selfTimes(profile, ROOT, FUNCTIONS).map(({ name, share }, index) => ({
      metric: `${thread} ${index + 1}. ${name}`,
      unit: '% of its time',
      value: share * 100,
    }));
  }
}

async function awaitFile(file: string): Promise<void> {
  for (let waitedMs = 0; !existsSync(file); waitedMs += 100) {
    if (waitedMs > WRITTEN_MS_MAX) throw new Error(`${file} was not written within ${WRITTEN_MS_MAX} ms`);
    await sleep(100);
  }
}
