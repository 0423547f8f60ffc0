// The messages between rack and region over any carrier: desired state down, sequenced events up.
// For a remote region the rack's uplink thread (`threads/uplink.ts`) takes the region's place and
// uses the same messages.
//
// 1. Every link names the protocol's version; a side that does not know it refuses the link.
// 2. The rack numbers events within one life of its process (`life`), from 1 and without gaps. The
//    other side acknowledges the highest sequence it has stored. Unacknowledged events are sent
//    again: at least once, in order.
// 3. Desired state is complete and versioned; the rack acknowledges each version it has applied.

import type { RackErrorCode } from '../ground/errors.ts';
import type { RackEvent } from '../ground/event.ts';
import type { NotKept } from '../http/events.ts';
import type { EngineEndpoint } from '../images/engine/protocol.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RackReport } from '../region/records/machine-event.ts';
import type { NetworkScan, ScanOutcome } from '../region/records/network-scan.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { RackMeasures } from '../region/records/rack-measures.ts';
import type { RackAnswer, RackRequest } from '../region/records/rack-request.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { LinkStatus } from './link-status.ts';
import type { ListedLetter, OutboxCommand, QueuedPost } from './outbox-store.ts';

export const UPLINK_VERSION = 1;

/** An event for the region: its fields, and its sentence for a region that does not know its kind. */
export type UplinkEvent = RackReport;

/** A message from the rack. */
export type RackMessage =
  /** The first message, sent again when the rack's description has changed. */
  | {
      readonly kind: 'hello';
      readonly uplink: number;
      /** Identifies this life of the rack's process. */
      readonly life: string;
      readonly rack: RackDescription;
      /** Remote only: the directory of the disk images from which machines are deployed. */
      readonly imageTree?: string | undefined;
      /** Remote only: the rack copies the region's images into that directory. */
      readonly copiesImages?: boolean | undefined;
    }
  | { readonly kind: 'events'; readonly events: readonly UplinkEvent[]; readonly missed: number }
  | { readonly kind: 'applied'; readonly version: number }
  /** What the rack measures of itself; sent again and again. */
  | { readonly kind: 'measured'; readonly measures: RackMeasures }
  /** Embedded only: the outcome of the region's request for a scan. */
  | { readonly kind: 'scan-answer'; readonly outcome: ScanOutcome }
  /** The answer to a request of the region. */
  | { readonly kind: 'answered'; readonly answer: RackAnswer }
  /** Embedded only: a changed configuration file. */
  | { readonly kind: 'configure'; readonly config: RegionConfig }
  /** Remote only: a machine's post that the region could not take. */
  | { readonly kind: 'post'; readonly id: number; readonly post: QueuedPost }
  /** Open the socket on which commands have images changed. */
  | { readonly kind: 'open-images'; readonly id: number }
  /** Remote only: a command from the command line. */
  | { readonly kind: 'outbox'; readonly id: number; readonly command: OutboxCommand }
  | { readonly kind: 'close' };

/** A message to the rack. */
export type RegionMessage =
  /**
   * Remote only: `isAnew` if the region has started since the last state, or has another history
   * than before.
   */
  | { readonly kind: 'desired-state'; readonly state: DesiredState; readonly isAnew?: boolean }
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  /** Embedded only: the configured listeners that cannot be opened yet. */
  | { readonly kind: 'unopened'; readonly listeners: readonly { readonly host: string; readonly text: string }[] }
  /** A failed request, or a listener that waits for its address; `id` is also in the client's answer. */
  | { readonly kind: 'problem'; readonly id: string; readonly note: RackNote }
  /**
   * The thread cannot work and ends. `code` names a failure outside this program; `undefined` for
   * another uplink version, or a bug.
   */
  | { readonly kind: 'refused'; readonly note: RackNote; readonly code?: RackErrorCode | undefined }
  /** Embedded only: scan these networks; the rack answers with `scan-answer`. */
  | { readonly kind: 'scan'; readonly scan: NetworkScan }
  /** Do this; the rack answers with `answered`. */
  | { readonly kind: 'request'; readonly request: RackRequest }
  /** The answer to `open-images`. */
  | { readonly kind: 'images-open'; readonly id: number; readonly answer: ImagesAnswer }
  /** Remote only: the link's state has changed. */
  | { readonly kind: 'link'; readonly status: LinkStatus }
  /** Remote only: an event for the rack to publish. */
  | { readonly kind: 'notice'; readonly event: RackEvent }
  /** Remote only: the post is on disk, or `refusal` says why not. */
  | { readonly kind: 'post-stored'; readonly id: number; readonly refusal: NotKept | undefined }
  | { readonly kind: 'outbox-answer'; readonly id: number; readonly answer: OutboxAnswer };

/** The open socket, or why it cannot be opened. */
export type ImagesAnswer = EngineEndpoint | { readonly problem: string };

/** Why a command on the outbox failed: no such dead letter, or a failure of the store with its words. */
export type OutboxRefusal =
  | { readonly kind: 'no-dead-letter'; readonly deadLetter: number }
  | { readonly kind: 'failed'; readonly said: string };

/** The outbox's contents, and why a command failed. */
export interface OutboxAnswer {
  readonly refusal?: OutboxRefusal | undefined;
  readonly waiting: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly deadLetters: readonly ListedLetter[];
}
