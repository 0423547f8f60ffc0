// What a machine in a state in progress is about to do, and how far it is: kept with the machine, so that a restart changes nothing.
//
// 1. It is there only while a state in progress lasts, and in rescue mode.
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
  /** The disk that is written, as the machine calls it; undefined: for an image the machine chooses it, an installer takes the first. */
  readonly disk?: string | undefined;
  /** Only while disks are erased. */
  readonly erase?: EraseMode | undefined;
  /** Who asked for a rescue. */
  readonly askedBy?: string | undefined;
  /** In a rescue, the fingerprint of the machine's host key, as it told it: `SHA256:…`. */
  readonly hostKey?: string | undefined;
  /** Only while it is commissioned or tested: the scripts that are run instead of all of their kind, and the run that has begun. */
  readonly scripts?: readonly string[] | undefined;
  readonly run?: number | undefined;
  /** What it said last of how far it is: a short word. */
  readonly stage?: string | undefined;
  readonly message?: string | undefined;
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  /** Wall time in milliseconds at which it said so. */
  readonly toldMs?: number | undefined;
  /** How often it has started from the network since it said something, and when it did last, wall time in milliseconds. */
  readonly boots?: number | undefined;
  readonly bootMs?: number | undefined;
  /** Why nobody knows whether it was started, and the deadline, wall time in milliseconds, that this gave it: any other one ends it. */
  readonly doubt?: string | undefined;
  readonly doubtEndsMs?: number | undefined;
}

/** The work of a text that this region has stored. */
export function readStoredWork(json: string): MachineWork {
  return JSON.parse(json);
}
