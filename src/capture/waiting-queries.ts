// Replayed queries that wait for their captured answer.
//
// 1. At the bound the longest waiting query is dropped: a capture may hold no answer at all.

import { BoundedMap } from '../bounded-map.ts';

/** The most queries that wait for their captured answer. */
const QUERIES_WAITING_MAX = 4096;

/** Creates an empty map of waiting queries. */
export const waitingQueries = <Waiting>(): BoundedMap<string, Waiting> =>
  new BoundedMap(QUERIES_WAITING_MAX, 'set longest ago');
