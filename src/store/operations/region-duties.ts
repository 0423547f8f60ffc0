// Operations on the duties of a region's processes in PostgreSQL (`steps.ts`). All times come from the
// database's clock: those of the hosts differ.
//
// 1. A process whose term is over keeps the duties until another takes them, so a pause of the
//    database changes nothing.
// 2. A term may end later than any new one could: the database's clock was set back, or a standby
//    with a slower clock took over. It is shortened to the length of a new one; its holder, if it
//    still runs, renews it within that time.
// 3. A transaction calls `checkDuties` before work that must happen only once. If another process
//    takes the duties meanwhile, one of the two transactions fails.

import type { DutyHolder } from '../../region/records/duty-store.ts';
import { type Row, text } from '../rows.ts';
import { one, readFirstNumber, run, type Steps } from '../steps.ts';

const readDuty = (row: Row) => ({
  holder: text('holder').read(row),
  isOver: text('term').read(row) === 'over' || text('term').read(row) === 'left',
  isTooLong: text('term').read(row) === 'too long',
  hasLeft: text('term').read(row) === 'left',
});

const SHORTEN_SQL =
  "UPDATE duty SET ends_at = clock_timestamp() + ?2 * interval '1 millisecond' WHERE name = 'region' AND holder = ?1";

/** A holder's id is the process's name and a UUID. */
const parseHolderName = (holder: string): string => holder.replace(/ \S+$/, '');

export function* holdDuties(holder: string, forMs: number): Steps<DutyHolder> {
  const { row } = yield one(
    "SELECT holder, CASE WHEN ends_at = '-infinity' THEN 'left' WHEN ends_at < clock_timestamp() THEN 'over' " +
      "WHEN ends_at > clock_timestamp() + ?1 * interval '1 millisecond' THEN 'too long' ELSE 'runs' END AS term FROM duty WHERE name = 'region'",
    forMs,
  );
  const current = row === undefined ? undefined : readDuty(row);
  const isNew = current?.holder !== holder;
  if (current !== undefined && isNew && !current.isOver) {
    if (current.isTooLong) yield run(SHORTEN_SQL, current.holder, forMs);
    return { isHere: false, name: parseHolderName(current.holder) };
  }
  // If another process takes the duties at the same time, this transaction runs again.
  yield one(
    "INSERT INTO duty (name, holder, ends_at) VALUES ('region', ?1, clock_timestamp() + ?2 * interval '1 millisecond') " +
      'ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at RETURNING holder',
    holder,
    forMs,
  );
  const former =
    current === undefined || !isNew ? undefined : { name: parseHolderName(current.holder), hasLeft: current.hasLeft };
  return { isHere: true, name: parseHolderName(holder), former };
}

export function* timeMs(): Steps<number> {
  return readFirstNumber(yield one('SELECT extract(epoch FROM clock_timestamp()) * 1000'));
}

export function* leaveDuties(holder: string): Steps<void> {
  yield run("UPDATE duty SET ends_at = '-infinity' WHERE name = 'region' AND holder = ?", holder);
}

/** Whether this process has the duties, and keeps them until its transaction ends. */
export function* checkDuties(holder: string): Steps<boolean> {
  const { row } = yield one("SELECT holder FROM duty WHERE name = 'region' AND holder = ? FOR SHARE", holder);
  return row !== undefined;
}
