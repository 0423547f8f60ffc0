// The rack's events about its link to a remote region, and about its outbox.

import { createReasonLookup } from '../../boot/boot-words.ts';
import { counted } from '../../ground/counted.ts';
import { defineEvent, type EventOf } from '../../ground/event.ts';
import { formatBytes, formatSpan } from '../../ground/quantity.ts';
import { REGION_REASONS } from '../../http/events.ts';
import { NOTED, notedText } from './notes.ts';

const reasonText = createReasonLookup(REGION_REASONS);

export const UPLINK_EVENTS = {
  'region.linked': defineEvent({
    level: 'info',
    message: 'rack is linked to its region',
    fields: { url: 'text', waiting: 'number' },
    text: (f) => `Linked to the region at ${f.url} (${counted(f.waiting, 'event')} to send)`,
    explanation: 'The remote region has accepted this rack and answers. Waiting events are being sent.',
  }),
  'region.away': defineEvent({
    level: 'error',
    message: 'region is away',
    fields: { ...NOTED, since: 'text' },
    text: (f) =>
      `The region has not answered since ${f.since} (${notedText(f)}): leases, names and boots continue, and events are kept`,
    explanation:
      'The remote region has not answered since the time in `since`. The rack still serves leases, names and boots of the machines it knows, ' +
      'answers machines that report themselves, and stores all of it on disk for the region. It retries automatically; reason says what failed.',
  }),
  'region.back': defineEvent({
    level: 'info',
    message: 'region is back',
    fields: { awayMs: 'number', waiting: 'number' },
    text: (f) => `The region answers again after ${formatSpan(f.awayMs)} (${counted(f.waiting, 'event')} to send)`,
    explanation: 'The remote region answers again after awayMs. Waiting events are being sent, in order.',
  }),
  'region.moved': defineEvent({
    level: 'warning',
    message: 'rack is linked to another address of its region',
    fields: { url: 'text', former: 'text' },
    text: (f) => `Linked to the region at ${f.url}, because ${f.former} does not answer`,
    explanation:
      'The region stopped answering at the address in `former`, so the rack now uses the address in `url`. No event and no machine report ' +
      'was lost. Check the region process, its host and the network at the former address: until it works again, one address less of ' +
      'region.url can take over. The rack stays at the new address, even after the former one works again.',
  }),
  'region.pending': defineEvent({
    level: 'warning',
    message: 'rack waits for acceptance',
    fields: NOTED,
    text: (f) => `This rack waits to be accepted: ${notedText(f)}`,
    explanation:
      'The rack has registered with the region, and an administrator must accept it; the text gives the command. Until then the rack gets no ' +
      'desired state from the region, and its events wait on disk.',
  }),
  'region.rejected': defineEvent({
    level: 'error',
    message: 'region refuses this rack',
    fields: NOTED,
    text: (f) => `The region rejects this rack: ${notedText(f)}`,
    explanation:
      'An administrator has rejected this rack, or the region does not know its key. The text gives the cause and the remedy; the rack tries ' +
      'again every minute.',
  }),
  'region.incompatible': defineEvent({
    level: 'error',
    message: 'rack and region have different link versions',
    fields: NOTED,
    text: (f) => `Rack and region have incompatible versions: ${notedText(f)}`,
    explanation:
      'The rack and the region use different versions of the link protocol. The text names both, and which side to update.',
  }),
  'region.post-queued': defineEvent({
    level: 'info',
    message: 'machine report stored for the region',
    fields: { bytes: 'number' },
    logged: { path: 'text' },
    text: (f) => `Reported while the region is away; the report (${formatBytes(f.bytes)}) is kept on disk`,
    explanation:
      'A machine reported itself while the region was unavailable. The report is on disk, its receipt was confirmed to the machine, and the ' +
      'region gets it once it is back.',
  }),
  'region.post-refused': defineEvent({
    level: 'error',
    message: 'machine report could not be stored',
    fields: { reason: 'text' },
    text: (f) =>
      `A report could not be kept while the region is away: ${reasonText(f.reason)}; the machine must try again`,
    explanation:
      'A machine reported itself while the region was away, and the report could not be stored on disk. The machine was asked to try again. ' +
      'reason says why: the outbox is full, or the disk cannot be written.',
  }),
  'outbox.full': defineEvent({
    level: 'error',
    message: 'outbox is full',
    fields: { waiting: 'number', dropped: 'number' },
    text: (f) =>
      `The outbox is full (${counted(f.waiting, 'event')}): ${counted(f.dropped, 'event was', 'events were')} dropped, the least important first; bring the region back`,
    explanation:
      'More events wait for the region than the outbox holds. The least important ones were dropped, notices before warnings, machine reports ' +
      'never; dropped is their number, which the region will learn. Bring the region back.',
  }),
  'outbox.dead-letter': defineEvent({
    level: 'error',
    message: 'region refused an event permanently',
    fields: { what: 'text', peer: 'text?', reason: 'text' },
    logged: { sequence: 'number' },
    text: (f) =>
      `The region permanently refused ${f.what}${f.peer === undefined ? '' : ` of ${f.peer}`} (${f.reason}): see \`rackboot outbox --dead\``,
    explanation:
      'The region refuses the event however often it is sent, so the rack keeps it with the reason. `rackboot outbox --dead` shows it, --retry ' +
      'sends it again once the cause is fixed, --drop removes it.',
  }),
  'outbox.renumbered': defineEvent({
    level: 'warning',
    message: 'outbox is numbered again',
    fields: { id: 'text' },
    text: (f) => `The outbox starts over: outbox.db is now ${f.id}`,
    explanation:
      'The region has events from this outbox that the file does not know: an old copy of outbox.db was restored. Waiting events are sent under ' +
      'a new id; events in the copy may arrive twice.',
  }),
  'outbox.unavailable': defineEvent({
    level: 'error',
    message: 'outbox cannot be written',
    fields: { reason: 'text' },
    text: (f) => `The outbox cannot be written (${f.reason}): events wait in memory; free some disk space`,
    explanation:
      'Events for the region wait in memory until the disk can be written; beyond the bound in memory the oldest are dropped and counted. ' +
      'Machine reports are answered with 503. Make room on the disk; the outbox then continues automatically.',
  }),
  'outbox.available': defineEvent({
    level: 'info',
    message: 'outbox can be written again',
    fields: { waiting: 'number' },
    text: (f) => `The outbox can be written again (${counted(f.waiting, 'event')} waiting)`,
    explanation: 'Events for the region are stored on disk again.',
  }),
};

type UplinkNotice = EventOf<typeof UPLINK_EVENTS>;

/** A notice without its time. */
export type NoticeBody<N = UplinkNotice> = N extends UplinkNotice ? Omit<N, 'at'> : never;
