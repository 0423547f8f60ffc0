// What a start says when the leases of the rack are gone.

import type { Clock } from '../../clock.ts';
import { findLostLeases } from '../../store/lost-leases.ts';
import type { DaemonEvent } from '../rack/events.ts';

/** Tells of leases that are gone, before the file is made anew. @returns what status and doctor are to say of them */
export function tellLostLeases(
  stateDir: string,
  { clock, publish }: { readonly clock: Clock; readonly publish: (event: DaemonEvent) => void },
): readonly string[] {
  const text = findLostLeases(stateDir);
  if (text === undefined) return [];
  publish({ kind: 'daemon.leases-lost', at: clock.now(), text });
  return [text];
}
