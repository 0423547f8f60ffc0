// Replayed queries whose captured answer has not come by yet.
//
// 1. At the bound the query that waits for longest is forgotten: a capture may hold no answer at all.

import { BoundedMap } from '../bounded-map.ts';

/** Queries whose captured answer may still come, at a time. */
const QUERIES_WAITING_MAX = 4096;

/** None at first. */
export const waitingQueries = <Waiting>(): BoundedMap<string, Waiting> =>
  new BoundedMap(QUERIES_WAITING_MAX, 'set longest ago');
