// The administrators whose API keys racks use.
//
// 1. The region accepts such a key only while its owner is an administrator, which it checks at each use. A rack with a key that it
//    generated was accepted separately, and has no owner.

import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Racks } from './racks.ts';

const NAMED_MAX = 10;

/**
 * The event for a user who loses administrator's rights, or the account, while racks use the user's API keys; undefined: no rack uses one
 * of them.
 */
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
