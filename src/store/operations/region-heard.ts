// Operations on heard hosts that are not machines, and on the leases of all hosts (`steps.ts`).
//
// 1. A lease is kept until it ends, even without its machine or device: its host still uses the address.

import { type Ipv4, type MacAddress, parseMac } from '../../ground/address.ts';
import { statusRow } from '../../region/records/lifecycle.ts';
import { ADDRESS_ENDS, HEARD_KINDS, type RackReport } from '../../region/records/machine-event.ts';
import type { HostLease } from '../../region/records/network-store.ts';
import type { HeardHost } from '../../region/records/store.ts';
import { codec, ipv4Column, macColumn, number } from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { readEvent, readMac } from './event-rows.ts';

/** The newest event when the hosts were last cleared; 0: never. */
const CLEARED_SQL = "SELECT coalesce(max(value), 0) FROM counter WHERE name = 'heard-cleared'";
/** The same for one hardware address, with which the name ends. */
const CLEARED_ONE = 'heard-cleared ';
const CLEAR_SQL =
  'INSERT INTO counter (name, value) SELECT ?, coalesce(max(id), 0) FROM event WHERE 1 = 1 ' +
  'ON CONFLICT (name) DO UPDATE SET value = excluded.value';
const FORGET_SQL = `DELETE FROM counter WHERE name LIKE '${CLEARED_ONE}%' AND value <= `;

/**
 * Finds the newest event of the kinds ?1 of each hardware address.
 * @param counts which events count
 * @param isListed which of the newest are listed
 */
const composeNewestSql = (counts: string, isListed: string): string =>
  'SELECT event.*, rack.name AS rack_name, newest.first_ms FROM event JOIN (SELECT max(id) AS id, min(at_ms) AS first_ms FROM event ' +
  `WHERE machine_id IS NULL AND mac IS NOT NULL AND kind IN texts(?1)${counts} GROUP BY mac) AS newest ON newest.id = event.id ` +
  `LEFT JOIN rack ON rack.id = event.rack_id WHERE event.at_ms >= ?2${isListed} ORDER BY event.id DESC LIMIT ?3`;
const HEARD_SQL = composeNewestSql(
  ` AND id > (${CLEARED_SQL}) AND id > coalesce((SELECT value FROM counter WHERE name = '${CLEARED_ONE}' || event.mac), 0)`,
  '',
);
const LEASES_SQL = composeNewestSql('', " AND event.kind = 'dhcp.ack'");
const LEASE_KINDS: readonly string[] = ['dhcp.ack', ...ADDRESS_ENDS];

function* listNewest(
  sql: string,
  kinds: readonly string[],
  sinceMs: number,
  limit: number,
): Steps<readonly HeardHost[]> {
  return (yield all(sql, JSON.stringify(kinds), sinceMs, limit)).rows.map((row) => ({
    mac: readMac(row),
    event: readEvent({ ...row, system_id: null, hostname: null }),
    firstMs: readFirst(row),
  }));
}

/** The latest first. */
export const listHeard = (sinceMs: number, limit: number): Steps<readonly HeardHost[]> =>
  listNewest(HEARD_SQL, HEARD_KINDS, sinceMs, limit);

/** The latest first. */
export const listHeardLeases = (sinceMs: number, limit: number): Steps<readonly HeardHost[]> =>
  listNewest(LEASES_SQL, LEASE_KINDS, sinceMs, limit);

/** @param mac only the one with this hardware address */
export function* clearHeard(mac?: MacAddress): Steps<void> {
  if (mac !== undefined) {
    yield run(`${FORGET_SQL}(SELECT coalesce(min(id), 0) FROM event)`);
    yield run(CLEAR_SQL, `${CLEARED_ONE}${mac}`);
    return;
  }
  yield run(CLEAR_SQL, 'heard-cleared');
  yield run(`${FORGET_SQL}(${CLEARED_SQL})`);
}

const readFirst = number('first_ms').read;

/** Leases that are kept of one rack. Beyond, those that end first are forgotten. */
export const HOST_LEASES_MAX = 16_384;

/** A lease without end (RFC 2131 §3.3). */
const ENDLESS_SECONDS = 0xffff_ffff;

/** Counts for the user who released the address's reservation, perhaps before the report. */
const KEEP_SQL =
  'INSERT INTO host_lease (address, mac, ends_ms, rack, released_by) SELECT CAST(one.value ->> 0 AS BIGINT), CAST(one.value ->> 1 AS BIGINT), ' +
  'CAST(one.value ->> 2 AS BIGINT), CAST(one.value ->> 3 AS BIGINT), (SELECT max(known.released_by) FROM host_lease AS known ' +
  'WHERE known.address = CAST(one.value ->> 0 AS BIGINT) AND known.mac = CAST(one.value ->> 1 AS BIGINT)) FROM rows(?1) AS one WHERE true ' +
  'ON CONFLICT (address, rack) DO UPDATE SET mac = excluded.mac, ends_ms = excluded.ends_ms, released_by = excluded.released_by';
/** The first list lets the index be used. A rack reports only the ends of its own leases. */
const END_SQL =
  "DELETE FROM host_lease WHERE address IN numbers(?1) AND CAST(address AS TEXT) || ' ' || CAST(mac AS TEXT) IN texts(?2) AND rack = ?3";
const TRIM_SQL =
  'DELETE FROM host_lease WHERE rack = ?1 AND (ends_ms <= ?2 OR address IN (SELECT address FROM host_lease WHERE rack = ?1 ' +
  'ORDER BY ends_ms DESC, address LIMIT 9223372036854775807 OFFSET ?3))';

/** Keeps the leases of the reports that the region believes. @param rackId default: the region's own rack */
export function* keepLeases(reports: readonly RackReport[], rackId = 0): Steps<void> {
  const leases = new Map<Ipv4, HostLease>();
  const endedLeases: { readonly address: Ipv4; readonly mac: MacAddress }[] = [];
  for (const report of reports) {
    const { leaseAddress: address } = report;
    const mac = parseMac(report.mac ?? '');
    if (mac === undefined || address === undefined) continue;
    const seconds = report.params?.leaseSeconds;
    if (report.kind === 'dhcp.ack' && typeof seconds === 'number' && seconds > 0) {
      const endsMs = Math.round(report.at + Math.min(seconds, ENDLESS_SECONDS) * 1000);
      leases.set(address, { address, mac, endsMs });
    } else if (ADDRESS_ENDS.includes(report.kind)) {
      if (leases.get(address)?.mac === mac) leases.delete(address);
      endedLeases.push({ address, mac });
    }
  }
  if (endedLeases.length > 0) {
    const pairs = endedLeases.map(({ address, mac }) => `${address} ${mac}`);
    yield run(END_SQL, JSON.stringify(endedLeases.map(({ address }) => address)), JSON.stringify(pairs), rackId);
  }
  if (leases.size === 0) return;
  const rows = [...leases.values()].map(({ address, mac, endsMs }) => [address, mac, endsMs, rackId]);
  yield run(KEEP_SQL, JSON.stringify(rows));
  yield run(TRIM_SQL, rackId, reports.at(-1)?.at ?? 0, HOST_LEASES_MAX);
}

/**
 * The running leases from `low` to `high`, except those of accepted machines that nobody owns: the
 * region has released them.
 * @param machineId the machine or device that may have an address that it leases; 0: none
 */
export function* leasedBetween(low: Ipv4, high: Ipv4, nowMs: number, machineId = 0): Steps<readonly HostLease[]> {
  const { rows } = yield all(LEASED_SQL, low, high, nowMs, machineId);
  return rows.map(readLease);
}

/** How long the host of a released reservation counts as leasing its address: a rack may yet report that. */
const RELEASED_MS = 30_000;

/** The `rack` of rows that neither replace those of leases nor are replaced by them. */
const HOLD_RACK_ID = -1;

/**
 * A lease that runs at the time in the parameter and whose rack is accepted, or a hold of that
 * time. A hold made while the clock was ahead ends later than any hold may.
 */
const composeRunningSql = (parameter: string): string =>
  `ends_ms > ${parameter} AND (rack = 0 OR rack = ${HOLD_RACK_ID} AND ends_ms - ${RELEASED_MS} <= ${parameter} ` +
  "OR EXISTS (SELECT 1 FROM rack AS one WHERE one.id = host_lease.rack AND one.state = 'accepted'))";

const LEASED_SQL =
  `SELECT address, mac, ends_ms FROM host_lease WHERE address BETWEEN ?1 AND ?2 AND ${composeRunningSql('?3')} AND NOT EXISTS (` +
  'SELECT 1 FROM interface JOIN machine ' +
  'ON machine.id = interface.machine_id WHERE interface.mac = host_lease.mac AND (machine.id = ?4 OR ' +
  `machine.device IS NULL AND machine.owner IS NULL AND machine.status <> ${statusRow('new').number})) ORDER BY address, ends_ms DESC`;
const readLease = codec<HostLease>({
  address: ipv4Column('address'),
  mac: macColumn('mac'),
  endsMs: number('ends_ms'),
}).read;

const HOLD_SQL =
  'INSERT INTO host_lease (address, mac, ends_ms, rack, released_by) ' +
  `SELECT address, mac, CAST(?2 AS BIGINT), ${HOLD_RACK_ID}, username FROM reserved_address WHERE mac IS NOT NULL AND id IN numbers(?1) ` +
  'ON CONFLICT (address, rack) DO UPDATE SET mac = excluded.mac, ends_ms = excluded.ends_ms, released_by = excluded.released_by';
const RELEASED_SQL =
  'UPDATE host_lease SET released_by = reserved_address.username FROM reserved_address ' +
  'WHERE reserved_address.id IN numbers(?1) AND host_lease.address = reserved_address.address AND host_lease.mac = reserved_address.mac';
const CUT_SQL = `DELETE FROM host_lease WHERE rack = ${HOLD_RACK_ID} AND ends_ms > ?`;

/**
 * Holds the addresses of reservations for their hosts, before they are released.
 * @param ids of the reservations
 */
export function* holdReleased(ids: readonly number[], nowMs: number): Steps<void> {
  const endsMs = nowMs + RELEASED_MS;
  yield run(CUT_SQL, endsMs);
  yield run(HOLD_SQL, JSON.stringify(ids), endsMs);
  yield run(RELEASED_SQL, JSON.stringify(ids));
  yield run(TRIM_SQL, HOLD_RACK_ID, nowMs, HOST_LEASES_MAX);
}

const HELD_SQL =
  `SELECT count(DISTINCT address) FROM host_lease WHERE released_by = ?1 AND ${composeRunningSql('?2')} ` +
  'AND NOT EXISTS (SELECT 1 FROM reserved_address WHERE reserved_address.address = host_lease.address)';

/** The addresses that the user's released reservations still keep from others. */
export function* heldBy(username: string, nowMs: number): Steps<number> {
  return readFirstNumber(yield one(HELD_SQL, username, nowMs));
}
