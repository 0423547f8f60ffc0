// The administrators whose API keys racks use.
//
// 1. A rack with such a key speaks only while the key's owner is an administrator, which is checked at each use. A rack with a key that it
//    generated has been accepted on its own, and has no owner.

import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Racks } from './racks.ts';

/** Racks that the event names; the others are counted. */
const NAMED_MAX = 10;

/** The event when a user whose API key racks use loses the rights of an administrator, or the account; undefined: no rack uses one. */
export function ownerLostEvent(
  racks: Pick<Racks, 'list' | 'ownerOf'>,
  user: string,
  by: { readonly username: string; readonly atMs: number },
): NewMachineEvent | undefined {
  const names = racks
    .list()
    .filter((rack) => racks.ownerOf(rack) === user)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  const params = { user, racks: names.slice(0, NAMED_MAX), more: Math.max(0, names.length - NAMED_MAX) };
  return { type: 'RACK_CHANGED', level: 'warning', code: 'rack-owner-lost', params, ...by };
}
