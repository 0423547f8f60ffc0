// The processor time of a server with all its threads and children, including those that have ended: a control group counts it, in
// nanoseconds. Sources: cgroups(7), the kernel's documents on cpuacct (version 1) and cpu.stat (version 2).
//
// 1. Where no group can be made, /proc counts instead (`process-cpu.ts`).
// 2. The counter is read through a descriptor, so that a load in another mount namespace can read it too.

import { closeSync, openSync, readSync } from 'node:fs';
import { ControlGroup } from './control-group.ts';

const COUNTED = { controller: 'cpuacct', fileOfFirst: 'cpuacct.usage', fileOfSecond: 'cpu.stat' };

/** A control group for one server. */
export class CpuAccount {
  /** Of the counter, for `readCpuSeconds`, even in a child that inherits it. */
  readonly fd: number;
  readonly #group: ControlGroup;

  private constructor(group: ControlGroup) {
    this.#group = group;
    this.fd = openSync(group.file, 'r');
  }

  /** Undefined: this host does not allow creating a group. */
  static open(): CpuAccount | undefined {
    const group = ControlGroup.open(COUNTED);
    return group === undefined ? undefined : new CpuAccount(group);
  }

  /** Counts this process from now on, and its children to come. */
  add(pid: number): void {
    this.#group.add(pid);
  }

  /** The processes that are counted and run. */
  pids(): readonly number[] {
    return this.#group.pids();
  }

  /** To be called when its processes have ended; the kernel may need a moment to notice. */
  async remove(): Promise<void> {
    closeSync(this.fd);
    await this.#group.remove();
  }
}

/** The seconds shown by the counter behind `fd`. */
export function readCpuSeconds(fd: number): number {
  const bytes = Buffer.alloc(1024);
  const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1];
  return microseconds === undefined ? Number(text) / 1e9 : Number(microseconds) / 1e6;
}
