// The answers to a rack's request for its desired state: "unchanged", the changes since the rack's
// state, or the whole state.
//
//   "42.3.q0Fz…"    the tag of a state: version, basis, start of the region
//
// Sources: RFC 9110 §8.8.3, §13.1.2 (entity tags); RFC 3229 §10 (delta encoding: A-IM, IM, 226).
//
// 1. After an older database was restored, the same version may mean another state. So the tag
//    names the start of the region's process.
// 2. The networks of racks also decide which machines' tokens and homes a rack gets. The basis
//    changes with these networks, and when the database has another history or an older version
//    than before. If the basis differs, a rack gets the whole state, even of the version that it
//    has.

import type { DesiredState, StateChanges } from '../../machines/machine.ts';

interface StateMark {
  readonly version: number;
  /**
   * Counts the changes of machines' records that have no version: changed networks of racks, and
   * another database.
   */
  readonly basis: number;
  readonly startId: string;
}

export type StateUpdate =
  | { readonly kind: 'unchanged'; readonly tag: string }
  | { readonly kind: 'state'; readonly tag: string; readonly state: DesiredState }
  | { readonly kind: 'state-changes'; readonly tag: string; readonly changes: StateChanges };

export interface StateRequest {
  readonly ifNoneMatch: string | undefined;
  /** True if the rack can apply changes. */
  readonly takesChanges: boolean;
}

const TAG = /^(?:W\/)?"(\d{1,16})\.(\d{1,16})\.([\w-]{1,64})"$/;

export const stateTag = ({ version, basis, startId }: StateMark): string => `"${version}.${basis}.${startId}"`;

export function knownMark(ifNoneMatch: string | undefined, ownStartId: string): StateMark | undefined {
  for (const part of (ifNoneMatch ?? '').split(',')) {
    const [, version = '', basis = '', startId] = TAG.exec(part.trim()) ?? [];
    if (startId === ownStartId) return { version: Number(version), basis: Number(basis), startId };
  }
  return undefined;
}
