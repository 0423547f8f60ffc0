// Replayed queries whose captured answer has not come by yet.
//
// 1. At the bound the query that waits for longest is forgotten: a capture may hold no answer at all.

/** Queries whose captured answer may still come, at a time. */
const QUERIES_WAITING_MAX = 4096;

/** Makes a query the newest of those that wait. */
export function keepWaiting<Waiting>(queries: Map<string, Waiting>, key: string, waiting: Waiting): void {
  queries.delete(key);
  queries.set(key, waiting);
  if (queries.size <= QUERIES_WAITING_MAX) return;
  const [oldest] = queries.keys();
  if (oldest !== undefined) queries.delete(oldest);
}
