// Reads the event log in pieces of bounded work: a filter that few events pass reads the whole log.
//
// 1. A gap of ids without events takes one query, however long it is, because a row made by hand
//    may have any id.

import type { EventFilter } from '../../records/filters.ts';
import type { EventRange, MachineEvent } from '../../records/machine-event.ts';
import type { RegionStore } from '../../records/store.ts';

/** Ids that one piece covers: a piece takes a millisecond or two, even if no event passes the filter. */
export const PIECE_IDS = 4000;
/** Likewise if each event of the piece is read and its sentence is written. */
export const EXAMINED_IDS = 400;

/**
 * The events that pass a filter, newest first: with `after` the oldest ones after it, otherwise the
 * newest ones. Each step of the generator is a piece.
 */
export async function* readEvents(
  store: Pick<RegionStore, 'listEvents' | 'nearestEvent'>,
  filter: EventFilter,
  { oldest, newest }: EventRange,
): AsyncGenerator<undefined, readonly MachineEvent[]> {
  const { after, limit } = filter;
  if (after !== undefined) {
    const machineEvents: MachineEvent[] = [];
    for (let from = Math.max(after, oldest - 1); machineEvents.length < limit && from < newest; ) {
      const upTo = from + PIECE_IDS;
      const events = await store.listEvents({ ...filter, after: from, upTo, limit: limit - machineEvents.length });
      machineEvents.unshift(...events);
      yield;
      from = events.length > 0 ? upTo : ((await store.nearestEvent('after', upTo)) ?? newest + 1) - 1;
    }
    return machineEvents;
  }
  return (yield* searchEvents(store, filter, { oldest, newest })).events;
}

/** How a search examines events that a query cannot choose. */
interface Examination {
  readonly isWanted: (event: MachineEvent) => boolean;
}

export interface FoundEvents {
  /** Newest first. */
  readonly events: readonly MachineEvent[];
  /** Only ids below it are left to search; `undefined`: the begin of the log was reached. */
  readonly next: number | undefined;
}

/**
 * The newest events below `before` that pass a filter and an examination. Each step of the
 * generator is a piece.
 * @param piecesMax it then ends with what it has found
 */
export async function* searchEvents(
  store: Pick<RegionStore, 'listEvents' | 'nearestEvent'>,
  filter: EventFilter,
  { oldest, newest }: Pick<EventRange, 'oldest' | 'newest'>,
  examination?: Examination,
  piecesMax = Number.POSITIVE_INFINITY,
): AsyncGenerator<undefined, FoundEvents> {
  const { before, limit } = filter;
  const ids = examination === undefined ? PIECE_IDS : EXAMINED_IDS;
  const machineEvents: MachineEvent[] = [];
  let to = Math.min(before ?? Number.POSITIVE_INFINITY, newest + 1);
  for (let pieces = 0; pieces < piecesMax && machineEvents.length < limit && to > oldest; pieces += 1) {
    const from = to - ids;
    const most = examination === undefined ? limit - machineEvents.length : ids;
    const events = await store.listEvents({ ...filter, before: to, after: from - 1, limit: most });
    machineEvents.push(...(examination === undefined ? events : events.filter(examination.isWanted)));
    yield;
    to = events.length > 0 ? from : ((await store.nearestEvent('before', from)) ?? oldest - 1) + 1;
  }
  const events = machineEvents.slice(0, limit);
  const isFull = machineEvents.length >= limit;
  return { events, next: isFull ? events.at(-1)?.id : to > oldest ? to : undefined };
}
