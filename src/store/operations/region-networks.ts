// Operations on networks as objects in region.db (`steps.ts`).
//
// 1. Ids come from their own counter. Transactions that give ids write its row, so PostgreSQL runs one of two
//    simultaneous ones again.
// 2. A change with an event makes a new version of the desired state. One without only stores
//    objects that every process also derives in memory.

import type { Ipv4 } from '../../ground/address.ts';
import { withRows } from '../../region/networks/changed-rows.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import {
  type HostLease,
  isHeldRange,
  NETWORK_KINDS,
  type NetworkChange,
  type NetworkRecords,
  type NetworkUse,
  type NetworkUseQuestion,
  type UsedAddress,
} from '../../region/records/network-store.ts';
import { number } from '../rows.ts';
import { ALONE, all, one, type Steps } from '../steps.ts';
import { claimAddresses } from './claims.ts';
import { readKind, readNextObjectId, readObjects, writeObjects } from './network-objects.ts';
import { readAddressUse, readLayoutUse, readLinked, readNamedNetworks, readUsed } from './network-rows.ts';
import { LoggedTable } from './region-events.ts';
import { heldBy, holdReleased, leasedBetween } from './region-heard.ts';
import { countVersion, drawVersion, readDrawnVersion } from './region-versions.ts';

const IS_DEVICE = 'CASE WHEN machine.device IS NULL THEN 0 ELSE 1 END AS is_device';
/** The condition that a machine's layout has the address: only its static links have one. */
const composeLayoutSql = (end: string): string =>
  `machine.layout LIKE '%"address":' || CAST(allocation.address AS TEXT) || '${end}%'`;
/** Allocated, or seen on interfaces. */
const USED_SQL =
  'SELECT allocation.address, allocation.mac, 0 AS is_seen, machine.system_id, machine.hostname, machine.domain, machine.owner, ' +
  '(SELECT name FROM interface WHERE interface.mac = allocation.mac) AS interface_name, NULL AS ended_ms, machine.created_ms AS at_ms, ' +
  `${IS_DEVICE}, CASE WHEN ${composeLayoutSql(',')} OR ${composeLayoutSql('}')} THEN 1 ELSE 0 END AS is_static ` +
  'FROM allocation JOIN machine ON machine.id = allocation.machine_id WHERE allocation.address BETWEEN ?1 AND ?2 UNION ALL ' +
  'SELECT interface.address, interface.mac, 1 AS is_seen, machine.system_id, machine.hostname, machine.domain, machine.owner, ' +
  'interface.name AS interface_name, interface.ended_ms, interface.seen_ms AS at_ms, ' +
  `${IS_DEVICE}, 0 AS is_static ` +
  'FROM interface JOIN machine ON machine.id = interface.machine_id WHERE interface.address BETWEEN ?1 AND ?2 ' +
  'ORDER BY 1, 3, 2 LIMIT ?3';

const readRowId = number('id').read;
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

interface KnownHosts extends Pick<NetworkRecords, 'hosts'> {
  readonly version: number;
}

/** Kinds whose rows take hosts along. */
const HOST_PARENTS = ['fabrics', 'vlans', 'subnets', 'services'] as const;

/** The tables of `network-schema.ts`. */
export class NetworkTables extends LoggedTable {
  #knownRecords: { readonly version: number; readonly records: NetworkRecords } | undefined;
  /**
   * The hosts that were read or written last, and those before, to which a rolled-back transaction
   * returns. They are kept because there may be 65 536.
   */
  #knownHosts: readonly KnownHosts[] = [];

  *list(): Steps<NetworkRecords> {
    return { ...(yield* this.rows()), linked: (yield all(LINKED_SQL)).rows.map(readLinked) };
  }

  /** The rows without addresses of devices; the same objects again unless they have changed. */
  *rows(): Steps<NetworkRecords> {
    const version = yield* readDrawnVersion('networks-version');
    if (this.#knownRecords?.version !== version)
      this.#knownRecords = { version, records: yield* readObjects({ hosts: yield* this.#listHosts() }) };
    return this.#knownRecords.records;
  }

  *#listHosts(): Steps<NetworkRecords['hosts']> {
    const version = yield* readDrawnVersion('hosts-version');
    const knownHosts = this.#knownHosts.find((hosts) => hosts.version === version);
    return knownHosts?.hosts ?? this.#rememberHosts({ version, hosts: yield* readKind('hosts') });
  }

  #rememberHosts(hosts: KnownHosts): NetworkRecords['hosts'] {
    this.#knownHosts = [hosts, ...this.#knownHosts].slice(0, 2);
    return hosts.hosts;
  }

  /** Counts a version of the hosts if the rows that were written may have changed them. */
  *#countHostsVersion(
    records: NetworkRecords,
    { put = {}, remove = {} }: Pick<NetworkChange<unknown>, 'put' | 'remove'>,
  ) {
    const hosts = { put: { hosts: put.hosts ?? [] }, remove: { hosts: remove.hosts ?? [] } };
    const isCascade = HOST_PARENTS.some((kind) => (remove[kind] ?? []).length > 0);
    if (!isCascade && !hasObjects(hosts.put) && !hasObjects(hosts.remove)) return;
    const version = yield* drawVersion('hosts-version');
    if (!isCascade) this.#rememberHosts({ version, hosts: withRows(records, hosts).hosts });
  }

  *change<R>(decide: (records: NetworkRecords, nextId: number) => NetworkChange<R>): Steps<R> {
    const records = yield* this.list();
    const nextId = yield* readNextObjectId();
    const change = decide(records, nextId);
    const { put = {}, remove = {}, nextId: newNextId = nextId, events = [], edits = [], result } = change;
    if (change.isClaim === true || isReserving(put)) yield claimAddresses();
    // Names of machines and of reserved addresses are in different tables: no unique key keeps them apart.
    if (put.reserved?.some(({ hostname }) => hostname !== undefined) === true) yield ALONE;
    const releasedIds = remove.reserved ?? [];
    const [firstEvent] = events;
    if (releasedIds.length > 0 && firstEvent !== undefined) yield* holdReleased(releasedIds, firstEvent.atMs);
    yield* writeObjects({ put, remove, nextId: newNextId > nextId ? newNextId : undefined });
    for (const event of events) {
      if (isEdit(event)) yield* this.addChange(event, selectNamedRows(records, put), selectNamedRows(put, put));
      else yield* this.events.add(event);
    }
    for (const { event, before, after } of edits) yield* this.addChange(event, before, after);
    if (hasObjects(put) || hasObjects(remove)) {
      yield* drawVersion('networks-version');
      yield* this.#countHostsVersion(records, { put, remove });
      if (events.length > 0) yield* countVersion([]);
    }
    return result;
  }

  *usedBetween(low: Ipv4, high: Ipv4, limit: number): Steps<readonly UsedAddress[]> {
    return (yield all(USED_SQL, low, high, limit)).rows.map(readUsed);
  }

  leasedBetween(low: Ipv4, high: Ipv4, nowMs: number): Steps<readonly HostLease[]> {
    return leasedBetween(low, high, nowMs);
  }

  heldBy(username: string, nowMs: number): Steps<number> {
    return heldBy(username, nowMs);
  }

  *firstUse({ vlanIds, subnetIds, ranges }: NetworkUseQuestion): Steps<NetworkUse | undefined> {
    yield ALONE;
    const namedTexts = new Set([
      ...vlanIds.map((id) => `"vlanId":${id}`),
      ...subnetIds.map((id) => `"subnetId":${id}`),
    ]);
    for (let afterId = 0; namedTexts.size > 0; ) {
      const { rows } = yield all(LAYOUTS_SQL, afterId);
      for (const row of rows.filter((candidate) => readNamedNetworks(candidate).some((name) => namedTexts.has(name)))) {
        const presentRows = (yield all(PRESENT_SQL, readRowId(row))).rows.map(readRowId);
        const use = readLayoutUse(row, new Set(presentRows), new Set(vlanIds), new Set(subnetIds));
        if (use !== undefined) return use;
      }
      const lastRow = rows.at(-1);
      if (lastRow === undefined || rows.length < LAYOUTS_PIECE) break;
      afterId = readRowId(lastRow);
    }
    for (const { low, high } of ranges) {
      const { row } = yield one(GIVEN_SQL, low, high);
      if (row !== undefined) return readAddressUse(row);
    }
    return undefined;
  }
}

const isReserving = ({ reserved = [], ranges = [] }: Partial<NetworkRecords>): boolean =>
  reserved.length > 0 || ranges.some(isHeldRange);

const isEdit = (event: NewMachineEvent): boolean =>
  event.code === 'network-changed' && event.params.change === 'changed';

/**
 * The rows of `all` with the ids of these: the fields of a single row, or the rows by id. Services
 * are named as settings.
 */
function selectNamedRows(all: Partial<NetworkRecords>, put: Partial<NetworkRecords>): object {
  const rows = NETWORK_KINDS.filter((kind) => kind !== 'services').flatMap((kind) => {
    const ids = new Set<number>((put[kind] ?? []).map(({ id }: { readonly id: number }) => id));
    return (all[kind] ?? []).filter(({ id }: { readonly id: number }) => ids.has(id));
  });
  const [onlyRow] = rows;
  return rows.length === 1 && onlyRow !== undefined
    ? onlyRow
    : Object.fromEntries(rows.map((row) => [String(row.id), row]));
}

const hasObjects = (lists: object): boolean =>
  Object.values(lists).some((list) => Array.isArray(list) && list.length > 0);
