// Operations that read the machines of region.db (`region-steps.ts`).
//
// A list takes the same number of statements for any number of machines.

import type { Area } from '../../region/records/area.ts';
import type { MachineFilter } from '../../region/records/filters.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../../region/records/machine.ts';
import { number, type Row } from '../rows.ts';
import { areasWith } from './area-reads.ts';
import { OUTLINE, RACK_MACHINE, readAllocation, readInterface, readMachine, readMachineTag } from './region-rows.ts';
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
const SINCE_SQL = `SELECT ${RACK_MACHINE.names.join(', ')} FROM machine WHERE desired_version > ? AND`;
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

/** Runs a query for machines. */
export function* readMachines(sql: string, ...values: (string | number)[]): Steps<readonly Machine[]> {
  const { rows } = yield all(sql, ...values);
  const partsOf = yield* rowsOfParts(rows);
  return rows.map((row) => machineOf(row, partsOf(row)));
}

/** The rows of the parts of one machine. */
interface PartRows {
  readonly interfaces: readonly Row[];
  readonly addresses: readonly Row[];
  readonly tags: readonly Row[];
  /** The zones and pools of all these machines, by id. */
  readonly areas: ReadonlyMap<number, Area>;
}

/** Reads the interfaces of all these machines with one query, and likewise their addresses and tags. */
function* rowsOfParts(rows: readonly Row[]): Steps<(row: Row) => PartRows> {
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

const readParts = ({ interfaces, addresses, tags }: PartRows) => ({
  interfaces: interfaces.map(readInterface),
  addresses: addresses.map(readAllocation),
  tags: tags.map(readMachineTag),
});

function machineOf(row: Row, parts: PartRows): Machine {
  const machine = readMachine(row, readParts(parts));
  const { areas } = parts;
  if (areas.size === 0) return machine;
  return { ...machine, zone: areas.get(machine.zoneId ?? 0), pool: areas.get(machine.poolId ?? 0) };
}

function byMachine({ rows }: Answer): ReadonlyMap<number, readonly Row[]> {
  const found = new Map<number, Row[]>();
  for (const row of rows) {
    const owner = readOwner(row);
    const list = found.get(owner);
    if (list === undefined) found.set(owner, [row]);
    else list.push(row);
  }
  return found;
}

export function* outlineMachines(systemIds: readonly string[]): Steps<readonly MachineOutline[]> {
  const { sql, values } = machineQuery({ systemIds }, OUTLINE.names.join(', '), [], []);
  return (yield all(sql, ...values)).rows.map(OUTLINE.read);
}

export function* listMachines(filter: MachineFilter, afterId: number, limit: number): Steps<readonly Machine[]> {
  const { sql, values } = machineQuery(filter, 'machine.*', ['machine.id > ?'], [afterId]);
  return yield* readMachines(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit);
}

export function* listMachinesForRacks(
  since: number,
  afterId: number,
  limit: number,
): Steps<readonly MachineForRacks[]> {
  const changed = since === 0 ? Infinity : numberIn(yield one(CHANGED_SQL, since, FEW_CHANGED_MAX + 1));
  const sql = changed > FEW_CHANGED_MAX ? MACHINES_SINCE_SQL : FEW_MACHINES_SINCE_SQL;
  // The rows of an older database may have the version 0.
  const { rows } = yield all(sql, since === 0 ? -1 : since, afterId, limit);
  const partsOf = yield* rowsOfParts(rows);
  return rows.map((row) => ({ ...RACK_MACHINE.read(row), ...readParts(partsOf(row)) }));
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

export function* listOverdue(nowMs: number, limit: number): Steps<readonly Machine[]> {
  const query = 'SELECT * FROM machine WHERE status_deadline_ms < ? ORDER BY status_deadline_ms, id LIMIT ?';
  return yield* readMachines(query, nowMs, limit);
}

export function* listPowerTasks(afterId: number, limit: number): Steps<readonly Machine[]> {
  const query = 'SELECT * FROM machine WHERE power_task IS NOT NULL AND id > ? ORDER BY id LIMIT ?';
  return yield* readMachines(query, afterId, limit);
}

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

const readId = number('id').read;
/** The ids of a machine's zone and pool; the default ones have no id here. */
const readAreaIds = ({ zone_id: zone, pool_id: pool }: Row) => [zone, pool].filter((id) => typeof id === 'number');
const readOwner = number('machine_id').read;
const readStatusCount = (row: Row): readonly [status: number, machines: number] => [
  number('status').read(row),
  number('machines').read(row),
];
