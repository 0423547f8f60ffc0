// The rack's events about its link to a remote region, and about the outbox.

import type { EventKind, RackEvent } from '../event.ts';
import type { RackNote } from '../region/reports/notes.ts';

export type UplinkNotice = RackEvent &
  (
    | { readonly kind: 'region.linked'; readonly url: string; readonly waiting: number }
    | ({
        readonly kind: 'region.away';
        readonly note: string;
        readonly reason: string;
        readonly since: string;
      } & RackNote)
    | { readonly kind: 'region.back'; readonly awayMs: number; readonly waiting: number }
    | { readonly kind: 'region.moved'; readonly url: string; readonly former: string }
    | ({
        readonly kind: 'region.pending' | 'region.rejected' | 'region.incompatible';
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
      } & RackNote)
    | { readonly kind: 'region.post-queued'; readonly path: string; readonly bytes: number }
    | { readonly kind: 'region.post-refused'; readonly reason: string }
    | { readonly kind: 'outbox.full'; readonly dropped: number; readonly waiting: number }
    | {
        readonly kind: 'outbox.dead-letter';
        readonly sequence: number;
        /** `post`, or the kind of the event. */
        readonly what: string;
        /** The address of the machine that posted. */
        readonly peer?: string;
        readonly reason: string;
      }
    | { readonly kind: 'outbox.renumbered'; readonly id: string }
    | { readonly kind: 'outbox.unavailable'; readonly reason: string }
    | { readonly kind: 'outbox.available'; readonly waiting: number }
  );

/** A notice without its time. */
export type NoticeBody<N = UplinkNotice> = N extends UplinkNotice ? Omit<N, 'at'> : never;

export const UPLINK_EVENTS: Readonly<Record<UplinkNotice['kind'], EventKind>> = {
  'region.linked': {
    level: 'info',
    message: 'rack is linked to its region',
    explanation: 'The remote region has accepted this rack and answers. Waiting events are being sent.',
  },
  'region.away': {
    level: 'error',
    message: 'region is away',
    explanation:
      'The remote region has not answered since the time in `since`. The rack still serves leases, names and boots of the machines it knows, ' +
      'answers machines that report themselves, and stores all of it on disk for the region. It retries automatically; reason says what failed.',
  },
  'region.back': {
    level: 'info',
    message: 'region is back',
    explanation: 'The remote region answers again after awayMs. Waiting events are being sent, in order.',
  },
  'region.moved': {
    level: 'warning',
    message: 'rack is linked to another address of its region',
    explanation:
      'The region stopped answering at the address in `former`, so the rack now uses the address in `url`. No event and no machine report ' +
      'was lost. Check the region process, its host and the network at the former address: until it works again, one address less of ' +
      'region.url can take over. The rack stays at the new address, even after the former one works again.',
  },
  'region.pending': {
    level: 'warning',
    message: 'rack waits for acceptance',
    explanation:
      'The rack has registered with the region, and an administrator must accept it; the text gives the command. Until then the rack gets no ' +
      'desired state from the region, and its events wait on disk.',
  },
  'region.rejected': {
    level: 'error',
    message: 'region refuses this rack',
    explanation:
      'An administrator has rejected this rack, or the region does not know its key. The text gives the cause and the remedy; the rack tries ' +
      'again every minute.',
  },
  'region.incompatible': {
    level: 'error',
    message: 'rack and region have different link versions',
    explanation:
      'The rack and the region use different versions of the link protocol. The text names both, and which side to update.',
  },
  'region.post-queued': {
    level: 'info',
    message: 'machine report stored for the region',
    explanation:
      'A machine reported itself while the region was unavailable. The report is on disk, its receipt was confirmed to the machine, and the ' +
      'region gets it once it is back.',
  },
  'region.post-refused': {
    level: 'error',
    message: 'machine report could not be stored',
    explanation:
      'A machine reported itself while the region was away, and the report could not be stored on disk. The machine was asked to try again. ' +
      'reason says why: the outbox is full, or the disk cannot be written.',
  },
  'outbox.full': {
    level: 'error',
    message: 'outbox is full',
    explanation:
      'More events wait for the region than the outbox holds. The least important ones were dropped, notices before warnings, machine reports ' +
      'never; dropped is their number, which the region will learn. Bring the region back.',
  },
  'outbox.dead-letter': {
    level: 'error',
    message: 'region refused an event permanently',
    explanation:
      'The region refuses the event however often it is sent, so the rack keeps it with the reason. `rackboot outbox --dead` shows it, --retry ' +
      'sends it again once the cause is fixed, --drop removes it.',
  },
  'outbox.renumbered': {
    level: 'warning',
    message: 'outbox is numbered again',
    explanation:
      'The region has events from this outbox that the file does not know: an old copy of outbox.db was restored. Waiting events are sent under ' +
      'a new id; events in the copy may arrive twice.',
  },
  'outbox.unavailable': {
    level: 'error',
    message: 'outbox cannot be written',
    explanation:
      'Events for the region wait in memory until the disk can be written; beyond the bound in memory the oldest are dropped and counted. ' +
      'Machine reports are answered with 503. Make room on the disk; the outbox then continues automatically.',
  },
  'outbox.available': {
    level: 'info',
    message: 'outbox can be written again',
    explanation: 'Events for the region are stored on disk again.',
  },
};
