// Operations on the hosts that racks heard on the wire and that are not machines (`region-steps.ts`).

import type { MacAddress } from '../../net/address.ts';
import { HEARD_KINDS } from '../../region/records/machine-event.ts';
import type { HeardHost } from '../../region/records/store.ts';
import { number, readsRow } from '../rows.ts';
import { readEvent, readMac } from './event-rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import { all, run, type Steps } from './region-steps.ts';

/** The id of the newest event at the time when the hosts were last cleared; 0: never. */
const CLEARED_SQL = "SELECT coalesce(max(value), 0) FROM counter WHERE name = 'heard-cleared'";
const CLEAR_SQL =
  "INSERT INTO counter (name, value) SELECT 'heard-cleared', coalesce(max(id), 0) FROM event WHERE 1 = 1 " +
  'ON CONFLICT (name) DO UPDATE SET value = excluded.value';

/** The same for one hardware address; its name ends with the address as a number. An entry that is older than the log has no effect. */
const CLEARED_ONE = 'heard-cleared ';
const CLEAR_ONE_SQL =
  'INSERT INTO counter (name, value) SELECT ?, coalesce(max(id), 0) FROM event WHERE 1 = 1 ' +
  'ON CONFLICT (name) DO UPDATE SET value = excluded.value';
const FORGET_SQL = `DELETE FROM counter WHERE name LIKE '${CLEARED_ONE}%' AND value <= `;

const HEARD_SQL =
  'SELECT event.*, rack.name AS rack_name, newest.first_ms FROM event JOIN (SELECT max(id) AS id, min(at_ms) AS first_ms FROM event ' +
  `WHERE machine_id IS NULL AND mac IS NOT NULL AND kind IN texts(?1) AND id > (${CLEARED_SQL}) ` +
  `AND id > coalesce((SELECT value FROM counter WHERE name = '${CLEARED_ONE}' || event.mac), 0) GROUP BY mac) AS newest ON newest.id = event.id ` +
  'LEFT JOIN rack ON rack.id = event.rack_id WHERE event.at_ms >= ?2 ORDER BY event.id DESC LIMIT ?3';

/** The hosts heard since a time, the latest first. */
export function* listHeard(sinceMs: number, limit: number): Steps<Readable<readonly HeardHost[]>> {
  const { rows } = yield all(HEARD_SQL, JSON.stringify(HEARD_KINDS), sinceMs, limit);
  const reader = new RowReader();
  const found = reader.readEach(rows, (row) => ({
    mac: readMac(row),
    event: readEvent({ ...row, system_id: null, hostname: null }),
    firstMs: readFirst(row),
  }));
  return { found, errors: reader.errors };
}

/** Forgets the hosts heard so far. @param mac only the one with this hardware address */
export function* clearHeard(mac?: MacAddress): Steps<void> {
  if (mac !== undefined) {
    yield run(`${FORGET_SQL}(SELECT coalesce(min(id), 0) FROM event)`);
    yield run(CLEAR_ONE_SQL, `${CLEARED_ONE}${mac}`);
    return;
  }
  yield run(CLEAR_SQL);
  yield run(`${FORGET_SQL}(${CLEARED_SQL})`);
}

const readFirst = readsRow('event', (row) => number(row, 'first_ms'));
