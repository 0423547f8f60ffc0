// A rack as the region stores it: its identity, state, networks and progress.
//
//   (unknown) ──register──▶ pending ──accept──▶ accepted
//                              └────reject──▶ rejected     either verdict can change later; remove forgets the rack
//
// 1. Only a digest of a rack's secret is stored.
// 2. The region believes a rack only once it is accepted. Until then its networks do not count, and
//    its events are not stored.

import type { Heartbeat } from './heartbeat.ts';
import type { RackInterface } from './rack-description.ts';

/** Racks in any state. Administrators accept and remove racks. */
export const RACKS_MAX = 256;
/**
 * Bound on the racks that wait for an administrator. Any host can add one. At the bound a new one
 * replaces, in the network with the most waiting racks, at the address with the most, the one heard
 * longest ago, which asks again. Accepted racks never give way.
 */
export const PENDING_RACKS_MAX = 32;
/** One host cannot take all places. */
export const PENDING_RACKS_PER_ADDRESS_MAX = 4;
/** A pending rack asks every few seconds; after this silence it is forgotten. */
export const PENDING_KEPT_MS = 600_000;
/** So that a lost answer can be repeated. */
export const REFUSED_KEPT_MAX = 256;
/** Three intervals of heartbeats. */
export const AWAY_AFTER_MS = 90_000;

export const RACK_STATES = ['pending', 'accepted', 'rejected'] as const;
type RackState = (typeof RACK_STATES)[number];

export const RACK_STATE_NUMBERS: Readonly<Record<RackState, number>> = { pending: 0, accepted: 1, rejected: 2 };

/** Refused permanently. */
export interface RefusedEntry {
  readonly sequence: number;
  readonly reason: string;
}

export type RackPulse = Pick<
  Heartbeat,
  'life' | 'applied' | 'waiting' | 'dropped' | 'deadLetters' | 'pinned' | 'settingsRefused' | 'addresses'
> & {
  /** The rack's wall time in milliseconds. */
  readonly startedMs: number;
};

export interface Rack {
  /** Lower case. */
  readonly uuid: string;
  readonly name: string;
  readonly state: RackState;
  /** In the region's own process. */
  readonly isEmbedded: boolean;
  /** The middle part of its key; `undefined` for the embedded rack. Several racks may share one API key. */
  readonly token?: string | undefined;
  /** SHA-256 of its secret, 64 hexadecimal digits; `undefined` if `token` is an administrator's API key. */
  readonly secretDigest?: string | undefined;
  /** As reported; decisions use only the believed ones (`rack-networks.ts`). */
  readonly interfaces: readonly RackInterface[];
  /** Networks that a person accepted with it, at most RACK_INTERFACES_MAX. */
  readonly agreed: readonly string[];
  /** Its networks that belong to other racks and are not believed, at most RACK_INTERFACES_MAX. */
  readonly disputed: readonly string[];
  readonly version: string;
  readonly uplink: number;
  readonly address: string;
  readonly registeredMs: number;
  readonly stateSinceMs: number;
  /** `undefined`: never since it registered. */
  readonly seenMs?: number | undefined;
  /** When its silence was logged. */
  readonly awayMs?: number | undefined;
  /** Of its events; each source numbers its own. */
  readonly source?: string | undefined;
  /** The newest REFUSED_KEPT_MAX of its last batches. */
  readonly refused: readonly RefusedEntry[];
  readonly pulse?: RackPulse | undefined;
  /** `undefined`: the default one. */
  readonly zoneId?: number | undefined;
  readonly description?: string | undefined;
}

/** True for a rack that is away; only an accepted remote rack can be. */
export function isAway(rack: Rack, nowMs: number): boolean {
  return rack.state === 'accepted' && !rack.isEmbedded && nowMs - (rack.seenMs ?? rack.stateSinceMs) > AWAY_AFTER_MS;
}

/** The version of the protocol between rack and region. */
export const LINK_VERSION = 1;

export type RackImage = NonNullable<Heartbeat['images']>[number];
