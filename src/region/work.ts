// What a machine in a state in progress is about to do, and how far it is: kept with the machine, so that a restart changes nothing.
//
// 1. It is there only while a state in progress lasts.
// 2. It holds no secret.

import type { MachineStatus } from './lifecycle.ts';

/** How much of a machine's disks an erasure takes away: what makes a disk look used, or all of it. */
export type EraseMode = 'signatures' | 'all';

/** How a system comes onto the disk: the agent writes an image, or a distribution's installer runs. */
export type DeployWay = 'image' | 'installer';

export interface MachineWork {
  /** Nobody can switch it on but a person: its time begins with its first boot. */
  readonly waitsForBoot: boolean;
  /** How often the region has started this work again by itself. */
  readonly attempts: number;
  /** The state from which the work was begun; an abort goes back to it. */
  readonly before: MachineStatus;
  /** Only while it is deployed. */
  readonly deployBy?: DeployWay | undefined;
  /** The disk that is written, as the machine calls it; undefined: its first. */
  readonly disk?: string | undefined;
  /** Only while disks are erased. */
  readonly erase?: EraseMode | undefined;
  /** What it said last of how far it is: a short word. */
  readonly stage?: string | undefined;
  readonly message?: string | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** Wall time in milliseconds at which it said so. */
  readonly toldMs?: number | undefined;
}

/** The work of a text that this region has stored. */
export function readStoredWork(json: string): MachineWork {
  return JSON.parse(json);
}
