// Reports at startup that the rack's leases are gone.

import type { Clock } from '../../clock.ts';
import { type RackNote, spoken } from '../../region/reports/notes.ts';
import type { DaemonEvent } from '../rack/events.ts';

/** Reports missing leases, if any. @returns the notes for `rackboot status` and `rackboot doctor` */
export function reportLostLeases(
  note: RackNote | undefined,
  { clock, publish }: { readonly clock: Clock; readonly publish: (event: DaemonEvent) => void },
): readonly RackNote[] {
  if (note === undefined) return [];
  publish({ kind: 'daemon.leases-lost', at: clock.now(), ...spoken(note) });
  return [note];
}
