// The changes of single machines in a new desired state, as events for their timelines.
//
// 1. More than CHANGES_REPORTED_MAX changes at once mean that the whole state was replaced: then none is reported.

import type { Instant } from '../../clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { DaemonEvent } from './events.ts';

/** The most changes of one desired state that are reported. */
const CHANGES_REPORTED_MAX = 64;

const nameOf = ({ hostname, domain }: RackMachine): string => (domain === '' ? hostname : `${hostname}.${domain}`);

/** The events for the differences, under the boot interface of each machine. */
export function machineChanges(before: MachineDirectory, after: MachineDirectory, at: Instant): readonly DaemonEvent[] {
  const events: DaemonEvent[] = [];
  const old = new Map(before.all.map((machine) => [machine.systemId, machine]));
  for (const machine of after.all) {
    const was = old.get(machine.systemId);
    old.delete(machine.systemId);
    const name = nameOf(machine);
    const { statusName: status, purpose } = machine;
    if (was !== undefined && nameOf(was) === name && was.statusName === status && was.purpose === purpose) continue;
    const kind = was === undefined ? 'machine.known' : 'machine.changed';
    events.push({ kind, at, mac: machine.macs[0], name, status, purpose });
    if (events.length > CHANGES_REPORTED_MAX) return [];
  }
  for (const machine of old.values()) {
    events.push({ kind: 'machine.forgotten', at, mac: machine.macs[0], name: nameOf(machine) });
    if (events.length > CHANGES_REPORTED_MAX) return [];
  }
  return events;
}
