// The processor time of a server with all its threads and children, including those that have ended: a control group counts it, in
// nanoseconds. Sources: cgroups(7), the kernel's documents on cpuacct (version 1) and cpu.stat (version 2).
//
// 1. A group that was made here is removed here; where none can be made, /proc counts instead (`process-cpu.ts`).
// 2. The counter is read through a descriptor, so that a load in another mount namespace can read it too.

import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../src/clock.ts';

const REMOVE_TRIES_MAX = 40;
let groups = 0;

/** A control group for one server. */
export class CpuAccount {
  /** Of the counter, for `readCpuSeconds`, even in a child that inherits it. */
  readonly fd: number;
  readonly #directory: string;

  private constructor(directory: string, fd: number) {
    this.#directory = directory;
    this.fd = fd;
  }

  /** Undefined: this host does not allow creating a group. */
  static open(): CpuAccount | undefined {
    groups += 1;
    for (const { mount, counter } of hierarchies()) {
      const directory = join(mount, `rackboot-bench-${process.pid}-${groups}`);
      try {
        mkdirSync(directory);
      } catch {
        continue;
      }
      try {
        return new CpuAccount(directory, openSync(join(directory, counter), 'r'));
      } catch {
        rmdirSync(directory);
      }
    }
    return undefined;
  }

  /** Counts this process from now on, and its children to come. */
  add(pid: number): void {
    writeFileSync(join(this.#directory, 'cgroup.procs'), String(pid));
  }

  /** The processes that are counted and run. */
  pids(): readonly number[] {
    return readFileSync(join(this.#directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  }

  /** To be called when its processes have ended; the kernel may need a moment to notice. */
  async remove(): Promise<void> {
    closeSync(this.fd);
    for (let tries = 1; ; tries += 1) {
      try {
        rmdirSync(this.#directory);
        return;
      } catch (error) {
        if (tries === REMOVE_TRIES_MAX) throw error;
        await sleep(50);
      }
    }
  }
}

/** The seconds shown by the counter behind `fd`. */
export function readCpuSeconds(fd: number): number {
  const bytes = Buffer.alloc(1024);
  const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1];
  return microseconds === undefined ? Number(text) / 1e9 : Number(microseconds) / 1e6;
}

/** Where groups can be made that count processor time, version 1 before version 2. */
function hierarchies(): readonly { readonly mount: string; readonly counter: string }[] {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const first = mounts.filter(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('cpuacct'));
  const second = mounts.filter(([, , type]) => type === 'cgroup2');
  return [
    ...first.map(([, mount = '']) => ({ mount, counter: 'cpuacct.usage' })),
    ...second.map(([, mount = '']) => ({ mount, counter: 'cpu.stat' })),
  ];
}
