// Reads a machine's log since its disk was written: is its system up, and how often did it come
// back to the network instead of booting its disk? Pure.
//
//   written ── boots from the network, is told to boot its disk ──┬── requests an address without a loader: its system is up
//                              ▲                                  └── boots from the network again: its disk did not start
//                              └───────────────────────────────────────────┘  DISK_STARTS_MAX times
//
// 1. Events before the disk was written do not count.
// 2. Firmware requests an address and a loader; a running system requests only an address.
// 3. A boot of the environment counts as a failed boot of the disk: its rack does not have the new
//    desired state yet.
// 4. Reports may be lost while the region is stopped, and a renewal follows no offer. So an address
//    renewed RESTARTED_MS after the disk was written, with no events in between, shows that the
//    system is up.

import type { MachineEvent } from '../records/machine-event.ts';
import {
  getReportFields,
  isBootOffer,
  isDiskStart,
  isEnvironmentStart,
  isFromAway,
  isSystemOffer,
} from '../records/report-fields.ts';

/**
 * How often a machine may be told to boot its disk before its system is seen. Once more, and the
 * disk does not start.
 */
export const DISK_STARTS_MAX = 4;
/** Requests of loaders within this time belong to one boot. */
const START_APART_MS = 10_000;
/**
 * Ample for the restart after the disk was written, even if an installer first cleans up for a
 * minute or two.
 */
const RESTARTED_MS = 10 * 60_000;

export interface DiskStarts {
  readonly isUp: boolean;
  readonly starts: number;
}

/**
 * @param events one machine's, the newest first @param nowMs wall time at which its address was
 * taken or renewed
 */
export function readDiskStarts(events: Iterable<MachineEvent>, nowMs: number): DiskStarts {
  let isUp: boolean | undefined;
  let starts = 0;
  let laterMs = Infinity;
  for (const event of events) {
    if (isFromAway(event)) continue;
    const { type, atMs } = event;
    const fields = getReportFields(event);
    if (type === 'NODE_DISK_WRITTEN') {
      isUp ??= nowMs - atMs >= RESTARTED_MS;
      break;
    }
    const isStart = isDiskStart(fields);
    // It takes an address just like a system.
    const isEnvironment = isEnvironmentStart(fields);
    if ((isStart || isEnvironment) && laterMs - atMs >= START_APART_MS) {
      starts += 1;
      laterMs = atMs;
    }
    if (isEnvironment) isUp ??= false;
    // Its firmware has requested nothing since: its system now holds the address.
    if (isStart || type === 'NODE_PXE_REQUEST') isUp ??= true;
    if (isSystemOffer(fields)) isUp ??= true;
    else if (isBootOffer(fields)) isUp ??= false;
  }
  return { isUp: isUp === true, starts };
}
