// What became of a machine since its disk was written, read in its log: whether its system is up, and how often it was told to start its
// disk and came back to the network instead. Pure.
//
//   written ── asks the network, is told to start its disk ──┬── takes its address without a loader to load: its system is up
//                              ▲                             └── asks the network again: its disk did not start
//                              └──────────────────────────────────────┘  DISK_STARTS_MAX times
//
// 1. What happened before the disk was written says nothing of it.
// 2. Firmware asks for an address with a loader to load; a system asks without.
// 3. A start of the environment, by a rack that did not know yet, counts as one of the disk that came to nothing.
// 4. What a rack told at the moment in which the region ended may be lost, and a system that keeps its address is not offered it again:
//    who still keeps it RESTARTED_MS after the disk was written, with nothing heard in between, is the system too.

import type { MachineEvent } from '../records/machine-event.ts';
import { isBootOffer, isDiskStart, isEnvironmentStart } from '../records/rack-words.ts';

/** How often a machine may be told to start its disk before its system is seen; once more, and its disk does not start. */
export const DISK_STARTS_MAX = 4;
/** A loader that asks twice within this time has started once. */
const START_APART_MS = 10_000;
/** Who has written the disk restarts at once; an installer tidies up for a minute or two before. */
const RESTARTED_MS = 10 * 60_000;

export interface DiskStarts {
  /** The newest address was taken by its system, as far as the log tells. */
  readonly isUp: boolean;
  /** How often it was told to start its disk. */
  readonly starts: number;
}

/**
 * @param events of one machine, the newest first
 * @param nowMs wall time at which its address was taken or kept
 */
export function readDiskStarts(
  events: Iterable<Pick<MachineEvent, 'kind' | 'type' | 'description' | 'atMs'>>,
  nowMs: number,
): DiskStarts {
  let isUp: boolean | undefined;
  let starts = 0;
  let laterMs = Infinity;
  for (const { kind, type, description, atMs } of events) {
    if (type === 'NODE_DISK_WRITTEN') {
      isUp ??= nowMs - atMs >= RESTARTED_MS;
      break;
    }
    const isStart = isDiskStart(description);
    // A rack that did not know yet booted the environment, which is sent back and takes an address as a system does.
    const isEnvironment = isEnvironmentStart(description);
    if ((isStart || isEnvironment) && laterMs - atMs >= START_APART_MS) {
      starts += 1;
      laterMs = atMs;
    }
    if (isEnvironment) isUp ??= false;
    // Told to start its disk, and no firmware has asked since: whoever keeps or takes the address now is the system.
    if (isStart || type === 'NODE_PXE_REQUEST') isUp ??= true;
    if (kind === 'dhcp.offer') isUp ??= !isBootOffer(description);
  }
  return { isUp: isUp === true, starts };
}
