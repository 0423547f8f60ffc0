// Reports at startup that the rack's leases are gone.

import type { Clock } from '../../clock.ts';
import { findLostLeases } from '../../store/lost-leases.ts';
import type { DaemonEvent } from '../rack/events.ts';

/** Reports missing leases; call it before the file is created again. @returns the notes for `rackboot status` and `rackboot doctor` */
export function reportLostLeases(
  stateDir: string,
  { clock, publish }: { readonly clock: Clock; readonly publish: (event: DaemonEvent) => void },
): readonly string[] {
  const text = findLostLeases(stateDir);
  if (text === undefined) return [];
  publish({ kind: 'daemon.leases-lost', at: clock.now(), text });
  return [text];
}
