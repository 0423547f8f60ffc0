// A rack as the region knows it: who it is, whether it may speak, for which networks, and how far it has come.
//
//   (nobody) ──register──▶ pending ──accept──▶ accepted
//                             └────reject──▶ rejected      accept and reject turn each into the other; remove forgets the rack
//
// 1. Of the secret by which a rack is known only a digest is kept.
// 2. A rack that is not accepted is believed nothing: its networks do not count, its events are not taken.

import type { RackInterface } from './rack-description.ts';

/** Racks of one region, whatever their state. Administrators fill it, and empty it (`rackboot racks remove`). */
export const RACKS_MAX = 256;
/**
 * Racks that wait for an administrator. Anybody may make one; at the bound the network, then the address, with most of them loses the
 * one heard longest ago to a newcomer, never one that was accepted. That is in the event log; the rack asks again by itself. It empties
 * when they are accepted, rejected or removed, and when one is silent for PENDING_KEPT_MS.
 */
export const PENDING_RACKS_MAX = 32;
/** Of one rack. */
export const RACK_INTERFACES_MAX = 256;
/** Of them from one address, so that one host does not take all the places. */
export const PENDING_RACKS_PER_ADDRESS_MAX = 4;
/** A waiting rack asks every few seconds; one that did not for so long makes room when there is none. */
export const PENDING_KEPT_MS = 600_000;
/** What was refused of a rack's events is remembered, so that an answer that was lost can be given again; at most so many entries. */
export const REFUSED_KEPT_MAX = 256;
/** Keys of its file that a rack may say it owns. */
export const PINNED_MAX = 1024;
/** A rack that sent no heartbeat for so long is away: three of them. */
export const AWAY_AFTER_MS = 90_000;

export type RackState = 'pending' | 'accepted' | 'rejected';

/** The number under which MAAS's clients know each state. */
export const RACK_STATE_NUMBERS: Readonly<Record<RackState, number>> = { pending: 0, accepted: 1, rejected: 2 };

/** An event that was not taken, and why. */
export interface RefusedEntry {
  readonly sequence: number;
  readonly reason: string;
}

/** What a rack's last heartbeat said. */
export interface RackPulse {
  /** Identifies the life of its process. */
  readonly life: string;
  /** The version of the desired state that it has in force. */
  readonly applied: number;
  /** Events that wait for us. */
  readonly waiting: number;
  /** Events that it lost at its bound. */
  readonly dropped: number;
  /** Events that we refused. */
  readonly deadLetters: number;
  /** Keys that its file owns. */
  readonly pinned: readonly string[];
  /** Why it does not use the settings that we gave it; undefined: it does. */
  readonly settingsRefused?: string | undefined;
  /** Wall time of the rack, in milliseconds. */
  readonly startedMs: number;
}

export interface Rack {
  /** Lower case, drawn by the rack, for ever. */
  readonly uuid: string;
  readonly name: string;
  readonly state: RackState;
  /** The rack in the region's own process. */
  readonly isEmbedded: boolean;
  /** The middle part of its key; undefined: it has none, it is embedded. An API key may be that of several racks. */
  readonly token?: string | undefined;
  /** SHA-256 of its secret, 64 hexadecimal digits; undefined: `token` is an API key of an administrator. */
  readonly secretDigest?: string | undefined;
  /** As it reports them. What is decided by networks is decided by those that are believed (`rack-networks.ts`). */
  readonly interfaces: readonly RackInterface[];
  /** The networks with which a person accepted it. At most RACK_INTERFACES_MAX, as the next. */
  readonly agreed: readonly string[];
  /** Of the networks that it reports those that belong to other racks: nobody believes them. */
  readonly disputed: readonly string[];
  /** The version of Rackboot that it runs. */
  readonly version: string;
  /** The version of the link's protocol that it speaks. */
  readonly uplink: number;
  /** Where it registered from, as text. */
  readonly address: string;
  readonly registeredMs: number;
  readonly stateSinceMs: number;
  /** When it was last heard; undefined: it never was since it registered. */
  readonly seenMs?: number | undefined;
  /** Under which its events are numbered. */
  readonly source?: string | undefined;
  /** Of its last batches, the newest REFUSED_KEPT_MAX. */
  readonly refused: readonly RefusedEntry[];
  readonly pulse?: RackPulse | undefined;
}

/** True for a remote rack that was heard once and is silent since AWAY_AFTER_MS. */
export function isAway(rack: Rack, nowMs: number): boolean {
  return rack.state === 'accepted' && !rack.isEmbedded && nowMs - (rack.seenMs ?? rack.stateSinceMs) > AWAY_AFTER_MS;
}

/** The version of the link between rack and region that this region speaks. */
export const LINK_VERSION = 1;

/** An image of a rack's store, as its heartbeat tells it. */
export interface RackImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  readonly serial: string;
  /** Where the rack's boot listener has it. */
  readonly path: string;
  /** Of the bytes as they are served; hexadecimal. */
  readonly sha256: string;
  /** As served. */
  readonly bytes: number;
  /** What it fills of a disk. */
  readonly diskBytes: number;
  readonly format: 'raw' | 'raw.zst';
}
