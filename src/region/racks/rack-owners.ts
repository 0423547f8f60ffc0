// The administrators whose API keys racks use.
//
// 1. A rack with such a key speaks only while the key's owner is an administrator, which is checked at each use. A rack with a key that it
//    generated has been accepted by itself, and has no owner.

import type { NewMachineEvent } from '../records/machine-event.ts';
import type { Rack } from '../records/rack.ts';
import type { RegionStore } from '../records/store.ts';

type Accounts = Pick<RegionStore, 'findKey' | 'findUser'>;

/** The user whose API key a rack uses; undefined: none, or the key is deleted. */
const ownerOf = (store: Accounts, { token, secretDigest }: Rack): string | undefined =>
  token === undefined || secretDigest !== undefined ? undefined : store.findKey(token)?.username;

/** The user whose API key a rack uses and who is no administrator any more; undefined: the rack may speak. */
export function demotedOwnerOf(store: Accounts, rack: Rack): string | undefined {
  const owner = ownerOf(store, rack);
  return owner === undefined || store.findUser(owner)?.isAdmin === true ? undefined : owner;
}

/** Racks that the event names; the others are counted. */
const NAMED_MAX = 10;

/** The event when a user whose API key racks use loses the rights of an administrator, or the account; undefined: no rack uses one. */
export function ownerLostEvent(
  store: Accounts,
  racks: readonly Rack[],
  user: string,
  by: { readonly username: string; readonly atMs: number },
): NewMachineEvent | undefined {
  const names = racks.filter((rack) => ownerOf(store, rack) === user).map(({ name }) => name);
  if (names.length === 0) return undefined;
  const params = { user, racks: names.slice(0, NAMED_MAX), more: Math.max(0, names.length - NAMED_MAX) };
  return { type: 'RACK_CHANGED', level: 'warning', code: 'rack-owner-lost', params, ...by };
}
