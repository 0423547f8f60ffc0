// Operations that read the machines of region.db (`region-steps.ts`).
//
// 1. A list of machines takes the same number of statements, however many machines it has.

import { findStatusByNumber, type MachineStatus, statusRow } from '../../region/records/lifecycle.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../../region/records/machine.ts';
import type { MachineFilter } from '../../region/records/store.ts';
import { number, type Row } from '../rows.ts';
import {
  OUTLINE_COLUMNS,
  RACK_COLUMNS,
  readAllocation,
  readInterface,
  readMachine,
  readMachineTag,
  readOutline,
} from './region-rows.ts';
import { type Answer, all, numberIn, one, type Steps } from './region-steps.ts';

// Texts of frequent statements are made once: making one takes as long as finding its prepared statement.
const OF_MACHINES = 'machine_id IN numbers(?) ORDER BY machine_id';
const INTERFACES_SQL = `SELECT * FROM interface WHERE ${OF_MACHINES}, position`;
const ALLOCATIONS_SQL = `SELECT * FROM allocation WHERE ${OF_MACHINES}, address`;
const TAGS_SQL = `SELECT machine_id, name, kernel_params FROM machine_tag JOIN tag ON tag.id = tag_id WHERE ${OF_MACHINES}, name`;

/** A query for machines, and its values. */
export interface MachineQuery {
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

/** Runs a query for machines; reads the interfaces of all of them in one further query, likewise addresses and tags. */
export function* readMachines(sql: string, ...values: (string | number)[]): Steps<readonly Machine[]> {
  const { rows } = yield all(sql, ...values);
  if (rows.length === 0) return [];
  const ids = JSON.stringify(rows.map((row) => number(row, 'id')));
  const interfaces = byMachine(yield all(INTERFACES_SQL, ids));
  const addresses = byMachine(yield all(ALLOCATIONS_SQL, ids));
  const tags = byMachine(yield all(TAGS_SQL, ids));
  return rows.map((row) => {
    const id = number(row, 'id');
    return readMachine(row, {
      interfaces: (interfaces.get(id) ?? []).map(readInterface),
      addresses: (addresses.get(id) ?? []).map(readAllocation),
      tags: (tags.get(id) ?? []).map(readMachineTag),
    });
  });
}

function byMachine({ rows }: Answer): ReadonlyMap<number, readonly Row[]> {
  const found = new Map<number, Row[]>();
  for (const row of rows) {
    const owner = number(row, 'machine_id');
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

export function listMachines(filter: MachineFilter, afterId: number, limit: number): Steps<readonly Machine[]> {
  const { sql, values } = machineQuery(filter, 'machine.*', ['machine.id > ?'], [afterId]);
  return readMachines(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit);
}

export const listMachinesForRacks = (
  since: number,
  afterId: number,
  limit: number,
): Steps<readonly MachineForRacks[]> =>
  since === 0
    ? readMachines(`SELECT ${RACK_COLUMNS} FROM machine WHERE id > ? ORDER BY id LIMIT ?`, afterId, limit)
    : readMachines(
        `SELECT ${RACK_COLUMNS} FROM machine WHERE desired_version > ? AND id > ? ORDER BY id LIMIT ?`,
        since,
        afterId,
        limit,
      );

export function* countMachines(filter: MachineFilter): Steps<number> {
  const { sql, values } = machineQuery(filter, 'count(*)', [], []);
  return numberIn(yield one(sql, ...values));
}

export function* countStatuses(): Steps<ReadonlyMap<MachineStatus, number>> {
  const { rows } = yield all('SELECT status, count(*) AS machines FROM machine GROUP BY status');
  return new Map(
    rows.flatMap((row) => {
      const status = findStatusByNumber(number(row, 'status'));
      return status === undefined ? [] : [[status, number(row, 'machines')] as const];
    }),
  );
}

export const listOverdue = (nowMs: number, limit: number): Steps<readonly Machine[]> =>
  readMachines('SELECT * FROM machine WHERE status_deadline_ms < ? ORDER BY status_deadline_ms LIMIT ?', nowMs, limit);

export const listPowerTasks = (afterId: number, limit: number): Steps<readonly Machine[]> =>
  readMachines('SELECT * FROM machine WHERE power_task IS NOT NULL AND id > ? ORDER BY id LIMIT ?', afterId, limit);

/** Builds a query for machines; each given list of the filter narrows it. */
export function machineQuery(
  filter: MachineFilter,
  columns: string,
  conditions: readonly string[],
  values: readonly (string | number)[],
): MachineQuery {
  const all = [...conditions];
  const given = [...values];
  const oneOf = (condition: string, list: readonly (string | number)[] | undefined): void => {
    if (list === undefined) return;
    all.push(condition);
    given.push(JSON.stringify(list));
  };
  const [texts, numbers] = ['IN texts(?)', 'IN numbers(?)'];
  oneOf(`machine.system_id ${texts}`, filter.systemIds);
  oneOf(`machine.hostname ${texts}`, filter.hostnames);
  oneOf(`machine.owner ${texts}`, filter.owners);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE mac ${numbers})`, filter.macs);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE address ${numbers})`, filter.seenAt);
  const tagged = `SELECT machine_id FROM machine_tag JOIN tag ON tag.id = tag_id WHERE tag.name ${texts}`;
  oneOf(`machine.id IN (${tagged})`, filter.tags);
  const statuses = filter.statuses?.map((status) => statusRow(status).number);
  const [status, ...others] = statuses ?? [];
  if (status !== undefined && others.length === 0) {
    // Read from the index in the order of ids; a list would be sorted whole for every few machines.
    all.push('machine.status = ?');
    given.push(status);
  } else oneOf(`machine.status ${numbers}`, statuses);
  return {
    sql: `SELECT ${columns} FROM machine${all.length === 0 ? '' : ` WHERE ${all.join(' AND ')}`}`,
    values: given,
  };
}
