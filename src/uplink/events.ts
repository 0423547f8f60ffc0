// What a rack tells of its link to a remote region and of what waits for it.

import type { EventKind, RackEvent } from '../event.ts';

export type UplinkNotice = RackEvent &
  (
    | { readonly kind: 'region.linked'; readonly url: string; readonly waiting: number }
    | { readonly kind: 'region.away'; readonly reason: string; readonly since: string }
    | { readonly kind: 'region.back'; readonly awayMs: number; readonly waiting: number }
    | { readonly kind: 'region.pending'; readonly text: string }
    | { readonly kind: 'region.rejected'; readonly text: string }
    | { readonly kind: 'region.incompatible'; readonly text: string }
    | { readonly kind: 'region.post-queued'; readonly path: string; readonly bytes: number }
    | { readonly kind: 'region.post-refused'; readonly reason: string }
    | { readonly kind: 'outbox.full'; readonly dropped: number; readonly waiting: number }
    | { readonly kind: 'outbox.dead-letter'; readonly sequence: number; readonly what: string; readonly reason: string }
    | { readonly kind: 'outbox.renumbered'; readonly text: string }
    | { readonly kind: 'outbox.unavailable'; readonly reason: string }
    | { readonly kind: 'outbox.available'; readonly waiting: number }
  );

/** A notice before its moment is known. */
export type NoticeBody<N = UplinkNotice> = N extends UplinkNotice ? Omit<N, 'at'> : never;

export const UPLINK_EVENTS: Readonly<Record<UplinkNotice['kind'], EventKind>> = {
  'region.linked': {
    level: 'info',
    message: 'rack is linked to its region',
    explanation: 'The remote region has accepted this rack and answers. What waits for it is on its way.',
  },
  'region.away': {
    level: 'error',
    message: 'region is away',
    explanation:
      'The remote region does not answer since the time named. The rack serves leases, names and boots of the machines it knows, answers ' +
      'machines that report themselves, and keeps all of it on disk for the region. It tries again by itself; reason says what failed.',
  },
  'region.back': {
    level: 'info',
    message: 'region is back',
    explanation: 'The remote region answers again after awayMs. What waits for it is on its way, in its order.',
  },
  'region.pending': {
    level: 'warning',
    message: 'rack waits to be accepted',
    explanation:
      'The region knows this rack now, and an administrator has to accept it; the text says what to type there. Until then no ' +
      'machine is booted by what the region wants, and events wait on disk.',
  },
  'region.rejected': {
    level: 'error',
    message: 'region refuses this rack',
    explanation:
      'An administrator has rejected this rack, or the region does not know its key. The text says why and what to do; the rack asks again ' +
      'every minute.',
  },
  'region.incompatible': {
    level: 'error',
    message: 'rack and region are of different versions',
    explanation: 'They do not speak the same version of their link. The text names both and which one to update.',
  },
  'region.post-queued': {
    level: 'info',
    message: 'report of a machine kept for the region',
    explanation:
      'A machine reported itself while the region could not take it. The report is on disk, the machine was told so, and the region gets it ' +
      'when it is back.',
  },
  'region.post-refused': {
    level: 'error',
    message: 'report of a machine could not be kept',
    explanation:
      'A machine reported itself while the region was away, and the report could not be put on disk; the machine was told to try ' +
      'again. reason says why: a full outbox, or a disk that cannot be written.',
  },
  'outbox.full': {
    level: 'error',
    message: 'outbox is full',
    explanation:
      'More waits for the region than the outbox holds. The least important events were dropped, as many as dropped says, notices before ' +
      'warnings, reports of machines never; the region will be told how many. Bring the region back.',
  },
  'outbox.dead-letter': {
    level: 'error',
    message: 'region refused an event for good',
    explanation:
      'The region will not take it, however often it is sent; it is kept with the reason. `rackboot outbox --dead` shows it, --retry sends it ' +
      'again when the cause is gone, --drop removes it.',
  },
  'outbox.renumbered': {
    level: 'warning',
    message: 'outbox begins anew',
    explanation:
      'The region has events of this outbox that the file does not know: an old copy of outbox.db was put back. What waits is sent under a ' +
      'new name; what the copy held may arrive twice.',
  },
  'outbox.unavailable': {
    level: 'error',
    message: 'outbox cannot be written',
    explanation:
      'Events for the region wait in memory until the disk takes them; beyond what memory holds the oldest are dropped and counted. ' +
      'Reports of machines are answered with 503. Make room on the disk; it goes on by itself.',
  },
  'outbox.available': {
    level: 'info',
    message: 'outbox can be written again',
    explanation: 'The disk takes what waits for the region.',
  },
};
