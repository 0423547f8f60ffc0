// Reads the event log in pieces of bounded work: a filter that few events pass reads the whole log.
//
// 1. A gap of ids without events takes one query, however long it is, because a row made by hand may have any id.

import type { EventFilter } from '../../records/filters.ts';
import type { EventRange, MachineEvent } from '../../records/machine-event.ts';
import type { RegionStore } from '../../records/store.ts';

/** Ids that one piece covers: a piece takes a millisecond or two, even if no event passes the filter. */
export const PIECE_IDS = 4000;

/**
 * The events that pass a filter, newest first: with `after` the oldest ones after it, otherwise the newest ones. Each step of the generator is
 * a piece.
 */
export async function* readEvents(
  store: Pick<RegionStore, 'listEvents' | 'nearestEvent'>,
  filter: EventFilter,
  { oldest, newest }: EventRange,
): AsyncGenerator<undefined, readonly MachineEvent[]> {
  const { after, before, limit } = filter;
  const found: MachineEvent[] = [];
  if (after !== undefined) {
    for (let from = Math.max(after, oldest - 1); found.length < limit && from < newest; ) {
      const upTo = from + PIECE_IDS;
      const events = await store.listEvents({ ...filter, after: from, upTo, limit: limit - found.length });
      found.unshift(...events);
      yield;
      from = events.length > 0 ? upTo : ((await store.nearestEvent('after', upTo)) ?? newest + 1) - 1;
    }
    return found;
  }
  const end = Math.min(before ?? Number.POSITIVE_INFINITY, newest + 1);
  for (let to = end; found.length < limit && to > oldest; ) {
    const from = to - PIECE_IDS;
    const events = await store.listEvents({ ...filter, before: to, after: from - 1, limit: limit - found.length });
    found.push(...events);
    yield;
    to = events.length > 0 ? from : ((await store.nearestEvent('before', from)) ?? oldest - 1) + 1;
  }
  return found;
}
