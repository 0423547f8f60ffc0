// Operations on the duties of a region's processes in PostgreSQL (`region-steps.ts`). The database's clock counts, for those of several hosts differ.
//
// 1. A process whose term is over keeps the duties until another takes them: a pause of the database changes nothing.
// 2. `checkDuties` is a part of the transaction that begins what must happen once. If another process takes the duties meanwhile, one of the
//    two transactions fails.

import { numberIn, one, run, type Steps } from './region-steps.ts';

export function* holdDuties(holder: string, forMs: number): Steps<boolean> {
  const { row } = yield one(
    "INSERT INTO duty AS known (name, holder, ends_at) VALUES ('region', ?1, clock_timestamp() + ?2 * interval '1 millisecond') " +
      'ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at ' +
      'WHERE known.holder = excluded.holder OR known.ends_at < clock_timestamp() RETURNING holder',
    holder,
    forMs,
  );
  return row !== undefined;
}

export function* timeMs(): Steps<number> {
  return numberIn(yield one('SELECT extract(epoch FROM clock_timestamp()) * 1000'));
}

export function* leaveDuties(holder: string): Steps<void> {
  yield run("UPDATE duty SET ends_at = '-infinity' WHERE name = 'region' AND holder = ?", holder);
}

/** True if this process has the duties, and keeps them until its transaction ends. */
export function* checkDuties(holder: string): Steps<boolean> {
  const { row } = yield one("SELECT holder FROM duty WHERE name = 'region' AND holder = ? FOR SHARE", holder);
  return row !== undefined;
}
