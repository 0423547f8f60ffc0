// Reports at startup that the rack's leases are gone.

import type { Clock } from '../../clock.ts';
import type { RackNote } from '../../region/records/rack-note.ts';
import { spoken } from '../../region/words/note.ts';
import { findLostLeases } from '../../store/leases/lost-leases.ts';
import type { DaemonEvent } from '../rack/events.ts';

/** Reports missing leases; call it before the file is created again. @returns the notes for `rackboot status` and `rackboot doctor` */
export function reportLostLeases(
  stateDir: string,
  { clock, publish }: { readonly clock: Clock; readonly publish: (event: DaemonEvent) => void },
): readonly RackNote[] {
  const note = findLostLeases(stateDir);
  if (note === undefined) return [];
  publish({ kind: 'daemon.leases-lost', at: clock.now(), ...spoken(note) });
  return [note];
}
