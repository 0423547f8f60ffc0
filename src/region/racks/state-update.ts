// What a rack gets that asks for its desired state: nothing, the changes since the state that it has, or the whole state.
//
//   "42.3.q0Fz…"    the tag of a state: version, basis, start of the region
//
// Sources: RFC 9110 §8.8.3, §13.1.2 (entity tags); RFC 3229 §10 (delta encoding: A-IM, IM, 226).
//
// 1. The same version may be another state after a restore of an older database, so the tag names the start of the region's process.
// 2. Which machines' tokens and homes a rack gets depends on the racks' networks, too. If these have changed, or the database has another
//    history or an older version than before, the basis is another: the rack gets the whole state, even of the version that it has.

import type { DesiredState, StateChanges } from '../../machines/machine.ts';

/** The state that a tag stands for. */
export interface StateMark {
  readonly version: number;
  /** Counts what changes machines' records without a version: changed networks of racks, and another database. */
  readonly basis: number;
  /** Drawn at random at each start of the region. */
  readonly startId: string;
}

/** An update of a rack's state. */
export type StateUpdate =
  | { readonly kind: 'unchanged'; readonly tag: string }
  | { readonly kind: 'state'; readonly tag: string; readonly state: DesiredState }
  | { readonly kind: 'state-changes'; readonly tag: string; readonly changes: StateChanges };

/** What a rack says about the state that it has. */
export interface StateRequest {
  /** The header If-None-Match. */
  readonly ifNoneMatch: string | undefined;
  /** True if it can apply changes. */
  readonly takesChanges: boolean;
}

const TAG = /^(?:W\/)?"(\d{1,16})\.(\d{1,16})\.([\w-]{1,64})"$/;

export const stateTag = ({ version, basis, startId }: StateMark): string => `"${version}.${basis}.${startId}"`;

/** The state of the first of these tags that is one of this start; undefined: none is. */
export function knownMark(ifNoneMatch: string | undefined, ownStartId: string): StateMark | undefined {
  for (const one of (ifNoneMatch ?? '').split(',')) {
    const [, version = '', basis = '', startId] = TAG.exec(one.trim()) ?? [];
    if (startId === ownStartId) return { version: Number(version), basis: Number(basis), startId };
  }
  return undefined;
}
