// A place in the event log, as the API names it: `<history>-<id>`, or a plain id in the current
// history of the log.

import type { EventRange } from '../../records/machine-event.ts';
import type { RegionStore } from '../../records/store.ts';

export const EVENT_PLACE = /^(?:(\d{1,15})-)?(\d{1,15})$/;

/** The place after an event. */
export interface EventPlace {
  readonly id: number;
  /** The history of the log in which the event was read (`EventRange`); undefined: the current one. */
  readonly history: number | undefined;
}

/** The place that a text names; undefined: the text is invalid. */
export function parseEventPlace(text: string): EventPlace | undefined {
  const [, history, id] = EVENT_PLACE.exec(text) ?? [];
  if (id === undefined) return undefined;
  return { id: Number(id), history: history === undefined ? undefined : Number(history) };
}

export const formatEventPlace = (history: number, id: number): string => `${history}-${id}`;

/**
 * The id after which a reader at a place continues: an earlier one if the log lacks events that the
 * reader has.
 */
export async function idAt(
  store: Pick<RegionStore, 'historyEnd'>,
  { id, history }: EventPlace,
  range: EventRange,
): Promise<number> {
  if (history === undefined || history === range.history) return id;
  return Math.min(id, (await store.historyEnd(history)) ?? id);
}
