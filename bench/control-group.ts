// A control group of the kernel for the processes of one server. Sources: cgroups(7); the kernel's documents on control groups, version 1
// and version 2.
//
// 1. A group that was made here is removed here.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../src/ground/clock.ts';

const REMOVE_TRIES_MAX = 40;
let groups = 0;

/** The use of a group: its controller in version 1, and the file of each version that a group needs for it. */
interface GroupUse {
  readonly controller: string;
  readonly fileOfFirst: string;
  readonly fileOfSecond: string;
}

export class ControlGroup {
  /** The file for the use. */
  readonly file: string;
  readonly isSecondVersion: boolean;
  readonly #directory: string;

  private constructor(directory: string, file: string, isSecondVersion: boolean) {
    this.#directory = directory;
    this.file = join(directory, file);
    this.isSecondVersion = isSecondVersion;
  }

  /** In a hierarchy of version 1 before one of version 2. Undefined: this host does not allow creating a group for this use. */
  static open({ controller, fileOfFirst, fileOfSecond }: GroupUse): ControlGroup | undefined {
    groups += 1;
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '));
    const first = mounts.filter(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(controller));
    const second = mounts.filter(([, , type]) => type === 'cgroup2');
    for (const [, mount = '', type] of [...first, ...second]) {
      const directory = join(mount, `rackboot-bench-${process.pid}-${groups}`);
      try {
        mkdirSync(directory);
      } catch {
        continue;
      }
      const isSecondVersion = type === 'cgroup2';
      const group = new ControlGroup(directory, isSecondVersion ? fileOfSecond : fileOfFirst, isSecondVersion);
      if (existsSync(group.file)) return group;
      rmdirSync(directory);
    }
    return undefined;
  }

  /** Puts this process, and its children to come, into the group. */
  add(pid: number): void {
    writeFileSync(join(this.#directory, 'cgroup.procs'), String(pid));
  }

  /** The processes of the group that run. */
  pids(): readonly number[] {
    return readFileSync(join(this.#directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  }

  /** To be called when its processes have ended; the kernel may need a moment to notice. */
  async remove(): Promise<void> {
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
