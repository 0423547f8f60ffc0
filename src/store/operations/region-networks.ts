// Operations on networks as objects in region.db (`region-steps.ts`).
//
// 1. A list leaves out unreadable rows, and rows that refer to them. A change fails if a row is unreadable, because its decision needs all
//    rows.
// 2. Ids come from their own counter. Transactions that give ids write its row, so PostgreSQL runs one of two simultaneous ones again.
// 3. A change with an event makes a new version of the desired state, by which other processes learn of it. A change without an event only
//    stores objects that every process also derives in memory.

import type { Ipv4 } from '../../net/address.ts';
import {
  NETWORK_KINDS,
  type NetworkChange,
  type NetworkKind,
  type NetworkRecords,
  type NetworkUse,
  type NetworkUseQuestion,
  NO_RECORDS,
  type UsedAddress,
} from '../../region/records/network-store.ts';
import { claimAddresses } from './claims.ts';
import {
  NETWORK_TABLES,
  readGivenUse,
  readLayoutUse,
  readLinked,
  readNamed,
  readRowId,
  readUsed,
} from './network-rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import { type CounterTable, NETWORK_ID_END } from './region-counters.ts';
import type { EventTable } from './region-events.ts';
import { holdReleased } from './region-heard.ts';
import { ALONE, all, one, run, type Steps } from './region-steps.ts';
import { countVersion } from './region-versions.ts';

const IS_DEVICE = 'CASE WHEN machine.device IS NULL THEN 0 ELSE 1 END AS is_device';
/** Only static links of a layout have an address. */
const inLayout = (end: string): string =>
  `machine.layout LIKE '%"address":' || CAST(allocation.address AS TEXT) || '${end}%'`;
/** Selects allocated addresses and addresses seen on interfaces; a damaged interface gives none. */
const USED_SQL =
  'SELECT allocation.address, allocation.mac, 0 AS is_seen, machine.system_id, machine.hostname, machine.domain, machine.owner, ' +
  '(SELECT name FROM interface WHERE interface.mac = allocation.mac) AS interface_name, NULL AS ended_ms, machine.created_ms AS at_ms, ' +
  `${IS_DEVICE}, CASE WHEN ${inLayout(',')} OR ${inLayout('}')} THEN 1 ELSE 0 END AS is_static ` +
  'FROM allocation JOIN machine ON machine.id = allocation.machine_id WHERE allocation.address BETWEEN ?1 AND ?2 UNION ALL ' +
  'SELECT interface.address, interface.mac, 1 AS is_seen, machine.system_id, machine.hostname, machine.domain, machine.owner, ' +
  'interface.name AS interface_name, interface.ended_ms, interface.seen_ms AS at_ms, ' +
  `${IS_DEVICE}, 0 AS is_static ` +
  'FROM interface JOIN machine ON machine.id = interface.machine_id WHERE interface.address BETWEEN ?1 AND ?2 ' +
  'ORDER BY 1, 3, 2 LIMIT ?3';

/** Layouts that are read at a time. */
const LAYOUTS_PIECE = 200;
const LAYOUTS_SQL =
  'SELECT id, system_id, hostname, layout FROM machine WHERE id > ? AND layout IS NOT NULL ORDER BY id LIMIT ' +
  `${LAYOUTS_PIECE}`;
const PRESENT_SQL = 'SELECT id FROM interface WHERE machine_id = ?';
const GIVEN_SQL =
  'SELECT allocation.address, machine.system_id, machine.hostname FROM allocation ' +
  'JOIN machine ON machine.id = allocation.machine_id WHERE allocation.address BETWEEN ? AND ? ORDER BY allocation.address LIMIT 1';

const LINKED_SQL =
  'SELECT allocation.address, machine.hostname, machine.owner FROM machine INDEXED BY machine_unbooted ' +
  'JOIN allocation ON allocation.machine_id = machine.id ' +
  'WHERE machine.added_by IS NOT NULL AND machine.vouched_mac IS NULL AND machine.device IS NOT NULL ORDER BY allocation.address';

/** The tables of `network-schema.ts`. */
export class NetworkTables {
  readonly #events: EventTable;
  readonly #counters: CounterTable;

  constructor(events: EventTable, counters: CounterTable) {
    this.#events = events;
    this.#counters = counters;
  }

  *list(): Steps<Readable<NetworkRecords>> {
    const reader = new RowReader();
    const records = yield* readAll((rows, read) => reader.readEach(rows, read));
    return { found: withoutOrphans(records), errors: reader.errors };
  }

  *change<R>(decide: (records: NetworkRecords, nextId: number) => NetworkChange<R>): Steps<R> {
    const records = yield* readAll((rows, read) => rows.map(read));
    const nextId = yield* this.#counters.nextNetworkId(highestId(records));
    const change = decide(records, nextId);
    const { put = {}, remove = {}, nextId: given = nextId, events = [], result } = change;
    if (change.isClaim === true || reserves(put)) yield claimAddresses();
    // Names of machines and of reserved addresses are in different tables, so no unique key prevents two of one name.
    if (put.reserved?.some(({ hostname }) => hostname !== undefined) === true) yield ALONE;
    const released = remove.reserved ?? [];
    const [said] = events;
    if (released.length > 0 && said !== undefined) yield* holdReleased(released, said.atMs);
    for (const kind of NETWORK_KINDS.toReversed()) {
      const ids = remove[kind] ?? [];
      const { name } = NETWORK_TABLES[kind];
      if (ids.length > 0) yield run(`DELETE FROM ${name} WHERE id IN numbers(?)`, JSON.stringify(ids));
    }
    for (const kind of NETWORK_KINDS) yield* putAll(kind, put);
    if (given > nextId) yield* this.#counters.continueNetworkIds(given);
    for (const event of events) yield* this.#events.add(event, undefined);
    if (events.length > 0 && (hasObjects(put) || hasObjects(remove))) yield* countVersion([]);
    return result;
  }

  *usedBetween(low: Ipv4, high: Ipv4, limit: number): Steps<Readable<readonly UsedAddress[]>> {
    const reader = new RowReader();
    const { rows } = yield all(USED_SQL, low, high, limit);
    return { found: reader.readEach(rows, readUsed), errors: reader.errors };
  }

  *firstUse({ vlanIds, subnetIds, ranges }: NetworkUseQuestion): Steps<NetworkUse | undefined> {
    yield ALONE;
    const named = new Set([...vlanIds.map((id) => `"vlanId":${id}`), ...subnetIds.map((id) => `"subnetId":${id}`)]);
    for (let after = 0; named.size > 0; ) {
      const { rows } = yield all(LAYOUTS_SQL, after);
      for (const row of rows.filter((each) => readNamed(each).some((name) => named.has(name)))) {
        const present = (yield all(PRESENT_SQL, readRowId(row))).rows.map(readRowId);
        const use = readLayoutUse(row, new Set(present), new Set(vlanIds), new Set(subnetIds));
        if (use !== undefined) return use;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < LAYOUTS_PIECE) break;
      after = readRowId(last);
    }
    for (const { low, high } of ranges) {
      const { row } = yield one(GIVEN_SQL, low, high);
      if (row !== undefined) return readGivenUse(row);
    }
    return undefined;
  }
}

const reserves = ({ reserved = [], ranges = [] }: Partial<NetworkRecords>): boolean =>
  reserved.length > 0 || ranges.some(({ kind }) => kind === 'reserved' || kind === 'kept');

const hasObjects = (lists: object): boolean =>
  Object.values(lists).some((list) => Array.isArray(list) && list.length > 0);

type ReadEach = <T>(rows: readonly object[], read: (row: object) => T) => readonly T[];

function* readAll(readEach: ReadEach): Steps<NetworkRecords> {
  let records = NO_RECORDS;
  for (const kind of NETWORK_KINDS) {
    const { rows } = yield all(`SELECT * FROM ${NETWORK_TABLES[kind].name} ORDER BY id`);
    records = { ...records, [kind]: readEach<unknown>(rows, NETWORK_TABLES[kind].read) };
  }
  const { rows } = yield all(LINKED_SQL);
  return { ...records, linked: readEach(rows, readLinked) };
}

function* putAll<K extends NetworkKind>(kind: K, put: Partial<NetworkRecords>): Steps<void> {
  const table: (typeof NETWORK_TABLES)[K] = NETWORK_TABLES[kind];
  const { name, columns } = table;
  const updates = columns.map((column) => `${column} = excluded.${column}`).join(', ');
  const places = columns.map(() => '?').join(', ');
  const sql = `INSERT INTO ${name} (id, ${columns.join(', ')}) VALUES (?, ${places}) ON CONFLICT (id) DO UPDATE SET ${updates}`;
  const objects: readonly NetworkRecords[K][number][] = put[kind] ?? [];
  for (const object of objects) yield run(sql, object.id, ...table.values(object));
}

/** The highest id in use that came from the counter; 0: none. */
function highestId(records: NetworkRecords): number {
  const ids = NETWORK_KINDS.flatMap((kind) => records[kind].map(({ id }) => id)).filter((id) => id < NETWORK_ID_END);
  return ids.reduce((highest, id) => Math.max(highest, id), 0);
}

/** Leaves out the objects that refer to a missing one. */
function withoutOrphans(records: NetworkRecords): NetworkRecords {
  const idsOf = (list: readonly { readonly id: number }[]): ReadonlySet<number> => new Set(list.map(({ id }) => id));
  const fabrics = idsOf(records.fabrics);
  const vlans = records.vlans.filter(({ fabricId }) => fabrics.has(fabricId));
  const vlanIds = idsOf(vlans);
  const subnets = records.subnets.filter(({ vlanId }) => vlanIds.has(vlanId));
  const subnetIds = idsOf(subnets);
  const isIn = ({ subnetId }: { readonly subnetId: number }): boolean => subnetIds.has(subnetId);
  return {
    ...records,
    vlans,
    subnets,
    ranges: records.ranges.filter(isIn),
    reserved: records.reserved.filter(isIn),
    routes: records.routes.filter(
      ({ sourceId, destinationId }) => subnetIds.has(sourceId) && subnetIds.has(destinationId),
    ),
    connections: records.connections.filter(isIn),
  };
}
