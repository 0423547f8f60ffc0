// How often a machine at work has started from the network without a word of its work: what loops through firmware and loader shows signs
// of life for ever, and never gets anywhere. Pure.
//
//   work begins ── starts from the network ──┬── a signal: the count begins anew
//                        ▲                   └── starts from the network again: one more, BOOTS_MAX at most
//                        └──────────────────────┘
//
// 1. The count is kept with the work: a restart of the region changes nothing.
// 2. One boot asks for an address and a configuration several times, by firmware and by loader: what lies within BOOT_APART_MS is one.

import { bootPurpose } from '../records/boot-purpose.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { MachineWork } from '../records/work.ts';

/** How often a machine may start from the network for its work without a signal; once more, and it hangs. */
export const BOOTS_MAX = 6;
/** Longer than firmware and loaders take, shorter than two starts of a server. */
const BOOT_APART_MS = 60_000;

/** The work of a machine that starts from the network, with this start counted; undefined: it is none that counts. */
export function countBoot(machine: Machine, seenMs: number): (MachineWork & { readonly boots: number }) | undefined {
  const { work, status, restingStatus, netboot, powerTask, statusSinceMs } = machine;
  // What is about to be switched begins anew then.
  if (work === undefined || powerTask !== undefined || statusRow(status).failed === undefined) return undefined;
  const purpose = bootPurpose({ status, restingStatus, netboot, deployBy: work.deployBy });
  if (purpose !== 'commissioning' && purpose !== 'install') return undefined;
  const { boots = 0, bootMs } = work;
  if (seenMs < statusSinceMs || (bootMs !== undefined && seenMs - bootMs < BOOT_APART_MS)) return undefined;
  return { ...work, boots: boots + 1, bootMs: seenMs };
}
