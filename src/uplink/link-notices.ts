// The events that the rack publishes when the link to its region changes.

import { type RackNote, spoken } from '../region/reports/notes.ts';
import type { NoticeBody } from './events.ts';
import type { LinkState } from './link-status.ts';

/** A change of the link's state; times are wall time in milliseconds. */
interface LinkChange {
  readonly before: LinkState;
  readonly state: LinkState;
  /** Why; undefined for a link that is up. */
  readonly note: RackNote | undefined;
  /** When the previous state began. */
  readonly beforeSinceMs: number;
  /** When this state began. */
  readonly startMs: number;
  readonly nowMs: number;
  readonly url: string;
  /** Entries of the outbox. */
  readonly waiting: number;
}

/** The event for a change; undefined if it needs none. */
export function noticeOf({
  before,
  state,
  note,
  beforeSinceMs,
  startMs,
  nowMs,
  url,
  waiting,
}: LinkChange): NoticeBody | undefined {
  switch (state) {
    case 'away': {
      const since = new Date(before === state ? beforeSinceMs : startMs).toISOString();
      return note && { ...note, kind: 'region.away', reason: spoken(note).text, since };
    }
    case 'up':
      return before === 'away'
        ? { kind: 'region.back', awayMs: Math.max(0, nowMs - beforeSinceMs), waiting }
        : { kind: 'region.linked', url, waiting };
    case 'pending':
    case 'rejected':
    case 'incompatible':
      return note && { kind: `region.${state}`, ...spoken(note) };
    case 'registering':
      return undefined;
  }
}
