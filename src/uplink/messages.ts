// What rack and region say to each other, whatever carries it: desired state down, sequenced events up.
//
// 1. Every message names the protocol's version; a side that does not know it refuses the link.
// 2. Events are numbered by the rack, within one life of its process (`life`), from 1 and without gaps; the region
//    acknowledges the highest it has stored. What is not acknowledged is sent again: at least once, in order.
// 3. Desired state is whole and versioned; the rack acknowledges the version it has put into force.

import type { DesiredState } from '../machines/machine.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RackReport } from '../region/machine-event.ts';

export const UPLINK_VERSION = 1;

/** One event as the region keeps it: text at the edge, no numbers to interpret. */
export type UplinkEvent = RackReport;

/** From the rack. */
export type RackMessage =
  | { readonly kind: 'hello'; readonly version: number; readonly rack: string; readonly life: string }
  | { readonly kind: 'events'; readonly events: readonly UplinkEvent[]; readonly missed: number }
  | { readonly kind: 'applied'; readonly version: number }
  /** Embedded only: settings that changed with the configuration file. */
  | { readonly kind: 'configure'; readonly config: RegionConfig }
  /** Embedded only: store what has arrived, and end. */
  | { readonly kind: 'close' };

/** From the region. */
export type RegionMessage =
  | { readonly kind: 'desired-state'; readonly state: DesiredState }
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  /** A request that failed inside the region, or a listener that waits for its address; `id` is also in the client's answer. */
  | { readonly kind: 'problem'; readonly id: string; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string };
