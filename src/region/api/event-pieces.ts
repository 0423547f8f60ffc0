// Reads the event log in pieces of bounded work: a filter that few events pass would otherwise have the whole log read in one turn of the
// event loop.

import type { EventRange } from '../records/event-range.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import type { EventFilter, RegionStore } from '../records/store.ts';

/** Ids that one piece covers: a piece takes a millisecond or two, even if no event passes the filter. */
export const PIECE_IDS = 4000;

/**
 * The events that pass a filter, newest first: with `after` the oldest ones after it, otherwise the newest ones. Each step of the generator is
 * a piece.
 */
export async function* readEvents(
  store: Pick<RegionStore, 'listEvents'>,
  filter: EventFilter,
  { oldest, newest }: EventRange,
): AsyncGenerator<undefined, readonly MachineEvent[]> {
  const { after, before, limit } = filter;
  const found: MachineEvent[] = [];
  if (after !== undefined) {
    for (let from = Math.max(after, oldest - 1); found.length < limit && from < newest; from += PIECE_IDS) {
      const piece = { ...filter, after: from, upTo: from + PIECE_IDS, limit: limit - found.length };
      found.unshift(...(await store.listEvents(piece)));
      yield;
    }
    return found;
  }
  const end = Math.min(before ?? Number.POSITIVE_INFINITY, newest + 1);
  for (let to = end; found.length < limit && to > oldest; to -= PIECE_IDS) {
    const piece = { ...filter, before: to, after: to - PIECE_IDS - 1, limit: limit - found.length };
    found.push(...(await store.listEvents(piece)));
    yield;
  }
  return found;
}
