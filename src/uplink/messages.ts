// What rack and region say to each other, whatever carries it: desired state down, sequenced events up. The rack's own thread for a
// remote region (`uplink-thread.ts`) stands in the region's place and speaks the same words.
//
// 1. Every link names the protocol's version; a side that does not know it refuses the link.
// 2. Events are numbered by the rack, within one life of its process (`life`), from 1 and without gaps; the other side
//    acknowledges the highest it has stored. What is not acknowledged is sent again: at least once, in order.
// 3. Desired state is whole and versioned; the rack acknowledges the version it has put into force.

import type { RackEvent } from '../event.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RackReport } from '../region/records/machine-event.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { LinkStatus } from './link-status.ts';
import type { ListedLetter, OutboxCommand, QueuedPost } from './outbox-store.ts';

export const UPLINK_VERSION = 1;

/** One event as the region keeps it: text at the edge, no numbers to interpret. */
export type UplinkEvent = RackReport;

/** From the rack. */
export type RackMessage =
  /** The first message, and again when what the rack says of itself has changed. */
  | {
      readonly kind: 'hello';
      /** The protocol's version. */
      readonly uplink: number;
      /** Identifies this life of the rack's process. */
      readonly life: string;
      readonly rack: RackDescription;
      /** Remote only: where the disk images are that machines are deployed from. */
      readonly imageTree?: string | undefined;
    }
  | { readonly kind: 'events'; readonly events: readonly UplinkEvent[]; readonly missed: number }
  | { readonly kind: 'applied'; readonly version: number }
  /** Embedded only: settings that changed with the configuration file. */
  | { readonly kind: 'configure'; readonly config: RegionConfig }
  /** Remote only: a machine's post that the region could not take. */
  | { readonly kind: 'post'; readonly id: number; readonly post: QueuedPost }
  /** Remote only: a question of the command line. */
  | { readonly kind: 'outbox'; readonly id: number; readonly command: OutboxCommand }
  /** Store what has arrived, and end. */
  | { readonly kind: 'close' };

/** To the rack. */
export type RegionMessage =
  | { readonly kind: 'desired-state'; readonly state: DesiredState }
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  /** A request that failed inside the region, or a listener that waits for its address; `id` is also in the client's answer. */
  | { readonly kind: 'problem'; readonly id: string; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Remote only: the link's state has changed. */
  | { readonly kind: 'link'; readonly status: LinkStatus }
  /** Remote only: something happened that the rack is to publish. */
  | { readonly kind: 'notice'; readonly event: RackEvent }
  /** Remote only: the post is on disk, or why it is not. */
  | { readonly kind: 'post-stored'; readonly id: number; readonly refusal: string | undefined }
  /** Remote only: the answer to a question of the command line. */
  | { readonly kind: 'outbox-answer'; readonly id: number; readonly answer: OutboxAnswer };

/** What waits, and what was refused; or why the command could not be done. */
export interface OutboxAnswer {
  readonly refusal?: string | undefined;
  readonly waiting: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly deadLetters: readonly ListedLetter[];
}
