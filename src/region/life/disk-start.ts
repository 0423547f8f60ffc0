// Reads a machine's log since its disk was written: whether its system is up, and how often it was told to boot its disk but came back to
// the network. Pure.
//
//   written ── boots from the network, is told to boot its disk ──┬── gets its address without a loader: its system is up
//                              ▲                                  └── boots from the network again: its disk did not start
//                              └───────────────────────────────────────────┘  DISK_STARTS_MAX times
//
// 1. Events before the disk was written do not count.
// 2. Firmware requests an address and a loader; a running system requests only an address.
// 3. A boot of the environment, from a rack without the new desired state, counts as a failed boot of the disk.
// 4. Reports may be lost when the region stops, and a system that renews its address gets no new offer. So an address renewed
//    RESTARTED_MS after the disk was written, with no events in between, also shows that the system is up.

import type { MachineEvent } from '../records/machine-event.ts';
import {
  fieldsOf,
  isBootOffer,
  isDiskStart,
  isEnvironmentStart,
  isFromAway,
  isSystemOffer,
} from '../records/report-fields.ts';

/** How often a machine may be told to boot its disk before its system is seen; one more, and the disk counts as not starting. */
export const DISK_STARTS_MAX = 4;
/** Requests of a loader within this time belong to one boot. */
const START_APART_MS = 10_000;
/** Ample for the restart after the disk was written; an installer cleans up for a minute or two first. */
const RESTARTED_MS = 10 * 60_000;

export interface DiskStarts {
  /** True if, according to the log, its system took the newest address. */
  readonly isUp: boolean;
  /** How often it was told to boot its disk. */
  readonly starts: number;
}

/**
 * Reads the log.
 * @param events one machine's events, the newest first
 * @param nowMs wall time at which its address was taken or renewed
 */
export function readDiskStarts(events: Iterable<MachineEvent>, nowMs: number): DiskStarts {
  let isUp: boolean | undefined;
  let starts = 0;
  let laterMs = Infinity;
  for (const event of events) {
    if (isFromAway(event)) continue;
    const { type, atMs } = event;
    const fields = fieldsOf(event);
    if (type === 'NODE_DISK_WRITTEN') {
      isUp ??= nowMs - atMs >= RESTARTED_MS;
      break;
    }
    const isStart = isDiskStart(fields);
    // Booted by a rack without the new desired state. The environment takes an address as a system does.
    const isEnvironment = isEnvironmentStart(fields);
    if ((isStart || isEnvironment) && laterMs - atMs >= START_APART_MS) {
      starts += 1;
      laterMs = atMs;
    }
    if (isEnvironment) isUp ??= false;
    // Told to boot its disk, and no firmware request since: the system holds the address now.
    if (isStart || type === 'NODE_PXE_REQUEST') isUp ??= true;
    if (isSystemOffer(fields)) isUp ??= true;
    else if (isBootOffer(fields)) isUp ??= false;
  }
  return { isUp: isUp === true, starts };
}
