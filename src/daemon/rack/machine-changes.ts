// The changes of single machines in a new desired state, as events for their timelines.
//
// 1. More than CHANGES_REPORTED_MAX changes at once mean that the whole state was replaced: then
//    none is reported.

import type { Instant } from '../../ground/clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';

const CHANGES_REPORTED_MAX = 64;

const composeFullMachineName = ({ hostname, domain }: RackMachine): string =>
  domain === '' ? hostname : `${hostname}.${domain}`;

const selectMachineFacts = (machine: RackMachine) =>
  ({ name: composeFullMachineName(machine), status: machine.statusName, purpose: machine.purpose }) as const;

/** True if both have the same facts. Racks have many machines, so it makes no objects. */
const hasSameFacts = (former: RackMachine, current: RackMachine): boolean =>
  former === current ||
  (former.hostname === current.hostname &&
    former.domain === current.domain &&
    former.statusName === current.statusName &&
    former.purpose === current.purpose);

/** The events for the differences, under the boot interface of each machine. */
export function findMachineChanges(
  before: MachineDirectory,
  after: MachineDirectory,
  at: Instant,
): readonly DaemonEvent[] {
  const events: DaemonEvent[] = [];
  const formerMachines = new Map(before.all.map((machine) => [machine.systemId, machine]));
  for (const machine of after.all) {
    const formerMachine = formerMachines.get(machine.systemId);
    formerMachines.delete(machine.systemId);
    if (formerMachine !== undefined && hasSameFacts(formerMachine, machine)) continue;
    const kind = formerMachine === undefined ? 'machine.known' : 'machine.changed';
    events.push({ kind, at, mac: machine.macs[0], ...selectMachineFacts(machine) });
    if (events.length > CHANGES_REPORTED_MAX) return [];
  }
  for (const machine of formerMachines.values()) {
    const [mac] = machine.macs;
    // After a merge, another machine has the interface.
    const holder = mac === undefined ? undefined : after.findByMac(mac);
    if (holder === undefined)
      events.push({ kind: 'machine.forgotten', at, mac, name: composeFullMachineName(machine) });
    else events.push({ kind: 'machine.changed', at, mac, ...selectMachineFacts(holder) });
    if (events.length > CHANGES_REPORTED_MAX) return [];
  }
  return events;
}
