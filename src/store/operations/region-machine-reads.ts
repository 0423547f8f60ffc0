// Operations that read the machines of region.db (`region-steps.ts`).
//
// 1. A list takes the same number of statements for any number of machines.
// 2. A damaged row keeps only its own machine out of a list. A caller that needs this machine gets an error that names the row.

import { isFirm } from '../../region/identity/interface-source.ts';
import type { Area } from '../../region/records/area.ts';
import type { MachineFilter } from '../../region/records/filters.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../../region/records/machine.ts';
import { number, readsRow, type StoredRow } from '../rows.ts';
import { areasWith } from './area-reads.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import {
  OUTLINE_COLUMNS,
  RACK_COLUMNS,
  readAllocation,
  readHarmless,
  readInterface,
  readMachine,
  readMachineTag,
  readOutline,
  readRackMachine,
} from './region-rows.ts';
import { type Answer, all, numberIn, one, type Steps } from './region-steps.ts';

// The texts of frequent statements are built once: building one takes as long as finding its prepared statement.
const OF_MACHINES = 'machine_id IN numbers(?) ORDER BY machine_id';
const INTERFACES_SQL = `SELECT * FROM interface WHERE ${OF_MACHINES}, position`;
const ALLOCATIONS_SQL = `SELECT * FROM allocation WHERE ${OF_MACHINES}, address`;
const TAGS_SQL = `SELECT machine_id, name, kernel_params FROM machine_tag JOIN tag ON tag.id = tag_id WHERE ${OF_MACHINES}, name`;

/** Up to this many changed machines are found by version and then sorted; more are read in the order of their ids. */
const FEW_CHANGED_MAX = 500;
const CHANGED_SQL =
  'SELECT count(*) FROM (SELECT desired_version FROM machine WHERE desired_version > ? LIMIT ?) AS changed';
const SINCE_SQL = `SELECT ${RACK_COLUMNS} FROM machine WHERE desired_version > ? AND`;
const MACHINES_SINCE_SQL = `${SINCE_SQL} id > ? ORDER BY id LIMIT ?`;
// The `+` keeps the planner from walking through all machines in the order of their ids.
const FEW_MACHINES_SINCE_SQL = `${SINCE_SQL} +id > ? ORDER BY +id LIMIT ?`;

/** A query for machines, and its values. */
interface MachineQuery {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

export function* machineIdOf(systemId: string): Steps<number | undefined> {
  return numberIn(yield one('SELECT id FROM machine WHERE system_id = ?', systemId)) || undefined;
}

export function* findMachine(systemId: string): Steps<Machine | undefined> {
  return (yield* readMachines('SELECT * FROM machine WHERE system_id = ?', systemId))[0];
}

export function* getMachine(systemId: string): Steps<Machine> {
  const machine = yield* findMachine(systemId);
  if (machine === undefined) throw new Error(`no machine ${systemId} in its own transaction`);
  return machine;
}

/** Runs a query for machines. @throws RackError `store-unavailable` naming a row that cannot be read */
export function* readMachines(sql: string, ...values: (string | number)[]): Steps<readonly Machine[]> {
  const { rows } = yield all(sql, ...values);
  const partsOf = yield* rowsOfParts(rows);
  return rows.map((row) => machineOf(row, partsOf(row)));
}

/** The rows of the parts of one machine. */
interface PartRows {
  readonly interfaces: readonly StoredRow[];
  readonly addresses: readonly StoredRow[];
  readonly tags: readonly StoredRow[];
  /** The zones and pools of all these machines, by id. */
  readonly areas: ReadonlyMap<number, Area>;
}

/** Reads the interfaces of all these machines with one query, and likewise their addresses and tags. */
export function* rowsOfParts(rows: readonly StoredRow[]): Steps<(row: StoredRow) => PartRows> {
  if (rows.length === 0) return () => ({ interfaces: [], addresses: [], tags: [], areas: new Map() });
  const ids = JSON.stringify(rows.map(readId));
  const interfaces = byMachine(yield all(INTERFACES_SQL, ids));
  const addresses = byMachine(yield all(ALLOCATIONS_SQL, ids));
  const tags = byMachine(yield all(TAGS_SQL, ids));
  const areas = yield* areasWith([...new Set(rows.flatMap(readAreaIds))]);
  return (row) => {
    const id = readId(row);
    const [nics, given, named] = [interfaces.get(id) ?? [], addresses.get(id) ?? [], tags.get(id) ?? []];
    return { interfaces: nics, addresses: given, tags: named, areas };
  };
}

export function machineOf(row: StoredRow, { interfaces, addresses, tags, areas }: PartRows): Machine {
  const machine = readMachine(row, {
    interfaces: interfaces.map(readInterface),
    addresses: addresses.map(readAllocation),
    tags: tags.map(readMachineTag),
  });
  if (areas.size === 0) return machine;
  return { ...machine, zone: areas.get(machine.zoneId ?? 0), pool: areas.get(machine.poolId ?? 0) };
}

/** The readable machines of a list, ordered by id. Fewer than `limit` mean the end of the list, even if some machines are unreadable. */
function* readReadable(
  queryOf: (afterId: number) => MachineQuery,
  afterId: number,
  limit: number,
): Steps<Readable<readonly Machine[]>> {
  const reader = new RowReader();
  const machines: Machine[] = [];
  for (let fromId = afterId; ; ) {
    const { sql, values } = queryOf(fromId);
    const wanted = limit - machines.length;
    const { rows } = yield all(`${sql} ORDER BY machine.id LIMIT ?`, ...values, wanted);
    const partsOf = yield* rowsOfParts(rows);
    machines.push(...reader.readEach(rows, (row) => machineOf(row, partsOf(row))));
    const last = rows.at(-1);
    if (last === undefined || rows.length < wanted || machines.length === limit) {
      return { found: machines, errors: reader.errors };
    }
    fromId = readId(last);
  }
}

function byMachine({ rows }: Answer): ReadonlyMap<number, readonly StoredRow[]> {
  const found = new Map<number, StoredRow[]>();
  for (const row of rows) {
    const owner = readOwner(row);
    const list = found.get(owner);
    if (list === undefined) found.set(owner, [row]);
    else list.push(row);
  }
  return found;
}

export function* outlineMachines(systemIds: readonly string[]): Steps<readonly MachineOutline[]> {
  const { sql, values } = machineQuery({ systemIds }, OUTLINE_COLUMNS, [], []);
  return (yield all(sql, ...values)).rows.map(readOutline);
}

/** @param needsAll true: throws for a machine that cannot be read; false: leaves it out */
export function* listMachines(
  filter: MachineFilter,
  afterId: number,
  limit: number,
  needsAll: boolean,
): Steps<Readable<readonly Machine[]>> {
  const queryOf = (fromId: number): MachineQuery => machineQuery(filter, 'machine.*', ['machine.id > ?'], [fromId]);
  if (!needsAll) return yield* readReadable(queryOf, afterId, limit);
  const { sql, values } = queryOf(afterId);
  return { found: yield* readMachines(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit), errors: [] };
}

export function* listMachinesForRacks(
  since: number,
  afterId: number,
  limit: number,
): Steps<Readable<readonly MachineForRacks[]>> {
  const changed = since === 0 ? Infinity : numberIn(yield one(CHANGED_SQL, since, FEW_CHANGED_MAX + 1));
  const sql = changed > FEW_CHANGED_MAX ? MACHINES_SINCE_SQL : FEW_MACHINES_SINCE_SQL;
  // The rows of an older database may have the version 0.
  const { rows } = yield all(sql, since === 0 ? -1 : since, afterId, limit);
  const partsOf = yield* rowsOfParts(rows);
  const reader = new RowReader();
  const machines = rows.map((row): MachineForRacks => {
    const parts = partsOf(row);
    const own = new RowReader();
    const columns = own.read(() => readRackMachine(row));
    const interfaces = own.readEach(parts.interfaces, readInterface);
    const addresses = own.readEach(parts.addresses, readAllocation);
    const tags = own.readEach(parts.tags, readMachineTag);
    const [damage] = own.errors;
    if (columns !== undefined && damage === undefined) return { ...columns, interfaces, addresses, tags };
    reader.read(() => {
      throw damage;
    });
    const harmless = readHarmless(row);
    return { ...harmless, interfaces: interfaces.filter(isFirm), addresses, tags: [], isDamaged: true };
  });
  return { found: machines, errors: reader.errors };
}

export function* countMachines(filter: MachineFilter): Steps<number> {
  const { sql, values } = machineQuery(filter, 'count(*)', [], []);
  return numberIn(yield one(sql, ...values));
}

export function* countStatuses(): Steps<ReadonlyMap<MachineStatus, number>> {
  const { rows } = yield all('SELECT status, count(*) AS machines FROM machine WHERE device IS NULL GROUP BY status');
  return new Map(
    rows.flatMap((row) => {
      const [written, machines] = readStatusCount(row);
      const status = findStatusByNumber(written);
      return status === undefined ? [] : [[status, machines] as const];
    }),
  );
}

export function* listOverdue(nowMs: number, limit: number): Steps<Readable<readonly Machine[]>> {
  const query = 'SELECT * FROM machine WHERE status_deadline_ms < ? ORDER BY status_deadline_ms, id LIMIT ? OFFSET ?';
  const reader = new RowReader();
  const machines: Machine[] = [];
  for (let read = 0; ; ) {
    const wanted = limit - machines.length;
    const { rows } = yield all(query, nowMs, wanted, read);
    const partsOf = yield* rowsOfParts(rows);
    machines.push(...reader.readEach(rows, (row) => machineOf(row, partsOf(row))));
    read += rows.length;
    if (rows.length < wanted || machines.length === limit) return { found: machines, errors: reader.errors };
  }
}

export const listPowerTasks = (afterId: number, limit: number): Steps<Readable<readonly Machine[]>> =>
  readReadable(
    (fromId) => ({ sql: 'SELECT * FROM machine WHERE power_task IS NOT NULL AND id > ?', values: [fromId] }),
    afterId,
    limit,
  );

/** Builds a query for machines; each given list of the filter narrows it. */
export function machineQuery(
  filter: MachineFilter,
  columns: string,
  conditions: readonly string[],
  values: readonly (string | number)[],
): MachineQuery {
  const { isDevice = false } = filter;
  const ofKind = isDevice === 'either' ? '1 = 1' : `machine.device IS ${isDevice ? 'NOT ' : ''}NULL`;
  const all = [...conditions, ofKind];
  const given = [...values];
  const oneOf = (condition: string, list: readonly (string | number)[] | undefined): void => {
    if (list === undefined) return;
    all.push(condition);
    given.push(JSON.stringify(list));
  };
  const [texts, numbers] = ['IN texts(?)', 'IN numbers(?)'];
  oneOf(`machine.system_id ${texts}`, filter.systemIds);
  oneOf(`machine.device ${texts}`, filter.parents);
  oneOf(`machine.hostname ${texts}`, filter.hostnames);
  oneOf(`machine.owner ${texts}`, filter.owners);
  oneOf(`machine.domain ${texts}`, filter.domains);
  oneOf(`machine.agent_name ${texts}`, filter.agentNames);
  oneOf(`coalesce(machine.zone_id, 0) ${numbers}`, filter.zoneIds);
  oneOf(`coalesce(machine.pool_id, 0) ${numbers}`, filter.poolIds);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE mac ${numbers})`, filter.macs);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE address ${numbers})`, filter.seenAt);
  const tagged = `SELECT machine_id FROM machine_tag JOIN tag ON tag.id = tag_id WHERE tag.name ${texts}`;
  oneOf(`machine.id IN (${tagged})`, filter.tags);
  const statuses = filter.statuses?.map((status) => statusRow(status).number);
  const [status, ...others] = statuses ?? [];
  if (status !== undefined && others.length === 0) {
    // With one status, the index gives the order of ids. With a list, every page would sort all machines.
    all.push('machine.status = ?');
    given.push(status);
  } else oneOf(`machine.status ${numbers}`, statuses);
  return {
    sql: `SELECT ${columns} FROM machine WHERE ${all.join(' AND ')}`,
    values: given,
  };
}

const readId = readsRow('machine', (row) => number(row, 'id'));
/** The ids of a machine's zone and pool; the default ones have no id here. */
const readAreaIds = readsRow('machine', ({ zone_id: zone, pool_id: pool }) =>
  [zone, pool].filter((id) => typeof id === 'number'),
);
const readOwner = readsRow('interface', (row) => number(row, 'machine_id'));
const readStatusCount = readsRow('machine', (row): readonly [status: number, machines: number] => [
  number(row, 'status'),
  number(row, 'machines'),
]);
