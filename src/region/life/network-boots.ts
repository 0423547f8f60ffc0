// Counts a machine's network boots since its last signal. A machine that loops through firmware and loader shows signs of life forever
// without making progress. Pure.
//
//   work begins ── starts from the network ──┬── a signal: the count returns to 0
//                        ▲                   └── starts from the network again: counted, at most BOOTS_MAX times
//                        └──────────────────────┘
//
// 1. The count is stored with the work, so a restart of the region changes nothing.
// 2. Firmware and loader request an address and a configuration several times in one boot, so requests within BOOT_APART_MS are one boot.

import { bootPurpose } from '../records/boot-purpose.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineWork } from '../records/work.ts';

/** How often a machine may boot from the network without a signal. After one more boot, it is hung. */
export const BOOTS_MAX = 6;
/** Longer than one boot of firmware and loader, shorter than the time between two starts of a server. */
const BOOT_APART_MS = 60_000;

export function countBoot(machine: Machine, seenMs: number): (MachineWork & { readonly boots: number }) | undefined {
  const { work, status, restingStatus, netboot, powerTask, statusSinceMs } = machine;
  // A pending power task will restart the machine anyway.
  if (work === undefined || powerTask !== undefined || statusRow(status).failed === undefined) return undefined;
  const purpose = bootPurpose({ status, restingStatus, netboot, deployBy: work.deployBy });
  if (purpose !== 'commissioning' && purpose !== 'install') return undefined;
  const { boots = 0, bootMs } = work;
  if (seenMs < statusSinceMs || (bootMs !== undefined && seenMs - bootMs < BOOT_APART_MS)) return undefined;
  return { ...work, boots: boots + 1, bootMs: seenMs };
}
