// Operations that read the machines of region.db (`steps.ts`).
//
// A list takes the same number of statements for any number of machines.

import type { Area } from '../../region/records/area.ts';
import type { MachineFilter } from '../../region/records/filters.ts';
import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../../region/records/machine.ts';
import { codec, number, type Row, text } from '../rows.ts';
import { all, one, readFirstNumber, type Steps } from '../steps.ts';
import {
  type MachineParts,
  OUTLINE,
  RACK_MACHINE,
  readAllocation,
  readInterface,
  readMachine,
  readMachineTag,
} from './region-rows.ts';

// Built once: building a text takes as long as finding its prepared statement.
/**
 * Interfaces, addresses and tags, zone and pool of these machines: one query instead of four. Where
 * a part has no such column, it has NULL.
 */
const PARTS_SQL = `SELECT machine_id, 'interface' AS part, position, id, name, mac, source, address, ended_ms, NULL AS words FROM interface
  WHERE machine_id IN numbers(?1) UNION ALL
  SELECT machine_id, 'address', 0, NULL, NULL, mac, NULL, address, NULL, NULL FROM allocation WHERE machine_id IN numbers(?1) UNION ALL
  SELECT machine_id, 'tag', 0, tag.id, name, NULL, NULL, NULL, NULL, kernel_params FROM machine_tag JOIN tag ON tag.id = tag_id
  WHERE machine_id IN numbers(?1) UNION ALL
  SELECT machine.id, 'area', 0, area.id, area.name, NULL, NULL, NULL, NULL, area.description FROM machine
  JOIN area ON area.id IN (zone_id, pool_id) WHERE machine.id IN numbers(?1) ORDER BY machine_id, position, address, name`;

/**
 * Up to this number, changed machines are found by version and then sorted; more are read in the
 * order of their ids.
 */
const FEW_CHANGED_MAX = 500;
const CHANGED_SQL =
  'SELECT count(*) FROM (SELECT desired_version FROM machine WHERE desired_version > ? LIMIT ?) AS changed';
const SINCE_SQL = `SELECT ${RACK_MACHINE.names.join(', ')} FROM machine WHERE desired_version > ? AND`;
const MACHINES_SINCE_SQL = `${SINCE_SQL} id > ? ORDER BY id LIMIT ?`;
// The `+` keeps the planner from walking through all machines in the order of their ids.
const FEW_MACHINES_SINCE_SQL = `${SINCE_SQL} +id > ? ORDER BY +id LIMIT ?`;

interface MachineQuery {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

export function* findMachineId(systemId: string): Steps<number | undefined> {
  return readFirstNumber(yield one('SELECT id FROM machine WHERE system_id = ?', systemId)) || undefined;
}

export function* findMachine(systemId: string): Steps<Machine | undefined> {
  return (yield* readMachines('SELECT * FROM machine WHERE system_id = ?', systemId))[0];
}

export function* getMachine(systemId: string): Steps<Machine> {
  const machine = yield* findMachine(systemId);
  if (machine === undefined) throw new Error(`no machine ${systemId} in its own transaction`);
  return machine;
}

export function* readMachines(sql: string, ...values: (string | number)[]): Steps<readonly Machine[]> {
  const { rows } = yield all(sql, ...values);
  const findParts = yield* readParts(rows);
  return rows.map((row) => {
    const { areas, ...parts } = findParts(row);
    const machine = readMachine(row, parts);
    const findArea = (id?: number): Area | undefined => areas.find((area) => area.id === id);
    return areas.length === 0
      ? machine
      : { ...machine, zone: findArea(machine.zoneId), pool: findArea(machine.poolId) };
  });
}

function* readParts(rows: readonly Row[]): Steps<(row: Row) => MachineParts & { readonly areas: readonly Area[] }> {
  const partRows = rows.length === 0 ? [] : (yield all(PARTS_SQL, JSON.stringify(rows.map(readId)))).rows;
  const byMachine = Map.groupBy(partRows, readOwner);
  return (row: Row) => {
    const ownParts = Map.groupBy(byMachine.get(readId(row)) ?? [], readPart);
    return {
      interfaces: (ownParts.get('interface') ?? []).map(readInterface),
      addresses: (ownParts.get('address') ?? []).map(readAllocation),
      tags: (ownParts.get('tag') ?? []).map(readMachineTag),
      areas: (ownParts.get('area') ?? []).map(readArea),
    };
  };
}

export function* outlineMachines(systemIds: readonly string[]): Steps<readonly MachineOutline[]> {
  const { sql, values } = composeMachineQuery({ systemIds }, OUTLINE.names.join(', '), [], []);
  return (yield all(sql, ...values)).rows.map(OUTLINE.read);
}

export function* listMachines(filter: MachineFilter, afterId: number, limit: number): Steps<readonly Machine[]> {
  const { sql, values } = composeMachineQuery(filter, 'machine.*', ['machine.id > ?'], [afterId]);
  return yield* readMachines(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit);
}

export function* listMachinesForRacks(
  sinceVersion: number,
  afterId: number,
  limit: number,
): Steps<readonly MachineForRacks[]> {
  const changedCount =
    sinceVersion === 0 ? Infinity : readFirstNumber(yield one(CHANGED_SQL, sinceVersion, FEW_CHANGED_MAX + 1));
  const sql = changedCount > FEW_CHANGED_MAX ? MACHINES_SINCE_SQL : FEW_MACHINES_SINCE_SQL;
  // Rows of an older database may have the version 0.
  const { rows } = yield all(sql, sinceVersion === 0 ? -1 : sinceVersion, afterId, limit);
  const findParts = yield* readParts(rows);
  return rows.map((row) => {
    const { areas, ...parts } = findParts(row);
    const machine = RACK_MACHINE.read(row);
    return { ...machine, ...parts, pool: areas.find(({ id }) => id === machine.poolId) };
  });
}

export function* countMachines(filter: MachineFilter): Steps<number> {
  const { sql, values } = composeMachineQuery(filter, 'count(*)', [], []);
  return readFirstNumber(yield one(sql, ...values));
}

export function* countStatuses(): Steps<ReadonlyMap<MachineStatus, number>> {
  const { rows } = yield all('SELECT status, count(*) AS machines FROM machine WHERE device IS NULL GROUP BY status');
  return new Map(
    rows.flatMap((row) => {
      const [statusNumber, machines] = [number('status').read(row), number('machines').read(row)];
      const status = findStatusByNumber(statusNumber);
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

/** Each given list of the filter narrows the query. */
export function composeMachineQuery(
  filter: MachineFilter,
  columns: string,
  conditions: readonly string[],
  values: readonly (string | number)[],
): MachineQuery {
  const { isDevice = false } = filter;
  const kindCondition = isDevice === 'either' ? '1 = 1' : `machine.device IS ${isDevice ? 'NOT ' : ''}NULL`;
  const allConditions = [...conditions, kindCondition];
  const parameters = [...values];
  const addCondition = (condition: string, list: readonly (string | number)[] | undefined): void => {
    if (list === undefined) return;
    allConditions.push(condition);
    parameters.push(JSON.stringify(list));
  };
  const [texts, numbers] = ['IN texts(?)', 'IN numbers(?)'];
  addCondition(`machine.system_id ${texts}`, filter.systemIds);
  addCondition(`machine.device ${texts}`, filter.parents);
  addCondition(`machine.hostname ${texts}`, filter.hostnames);
  addCondition(`machine.owner ${texts}`, filter.owners);
  addCondition(`machine.domain ${texts}`, filter.domains);
  addCondition(`machine.agent_name ${texts}`, filter.agentNames);
  addCondition(`coalesce(machine.zone_id, 0) ${numbers}`, filter.zoneIds);
  addCondition(`coalesce(machine.pool_id, 0) ${numbers}`, filter.poolIds);
  addCondition(`machine.id IN (SELECT machine_id FROM interface WHERE mac ${numbers})`, filter.macs);
  addCondition(`machine.id IN (SELECT machine_id FROM interface WHERE address ${numbers})`, filter.seenAt);
  const taggedSql = `SELECT machine_id FROM machine_tag JOIN tag ON tag.id = tag_id WHERE tag.name ${texts}`;
  addCondition(`machine.id IN (${taggedSql})`, filter.tags);
  const statuses = filter.statuses?.map((status) => statusRow(status).number);
  const [status, ...otherStatuses] = statuses ?? [];
  if (status !== undefined && otherStatuses.length === 0) {
    // With one status, the index gives the order of ids; with a list, every page would sort all machines.
    allConditions.push('machine.status = ?');
    parameters.push(status);
  } else addCondition(`machine.status ${numbers}`, statuses);
  return {
    sql: `SELECT ${columns} FROM machine WHERE ${allConditions.join(' AND ')}`,
    values: parameters,
  };
}

const readId = number('id').read;
const readPart = text('part').read;
const readArea = codec<Area>({ id: number('id'), name: text('name'), description: text('words') }).read;
const readOwner = number('machine_id').read;
