// Writes changed machines to the table `machine` (`region-steps.ts`): a single machine with bound values, several from rows of one JSON
// text.

import type { Machine, MachineFields } from '../../region/records/machine.ts';
import { assigned } from '../rows.ts';
import { MACHINE_FIELDS } from './region-rows.ts';
import { run, type Steps } from './region-steps.ts';

/** A machine and its changed fields. */
export interface MachineUpdate {
  readonly machine: Machine;
  readonly fields: Partial<MachineFields>;
}

/** The ids of new power tasks, by the machine's id. Null removes the task; a machine without an entry keeps its task. */
export type PowerTaskIds = ReadonlyMap<number, string | null>;

const SET = `UPDATE machine SET updated_ms = ?, ${assigned(MACHINE_FIELDS.names)}`;
const UPDATE_SQL = `${SET} WHERE id = ?`;
const UPDATE_WITH_TASK_SQL = `${SET}, power_task_id = ? WHERE id = ?`;

/** The first values of a row: the id, the time, whether the id of the power task changes, and that id. */
const LEADING = 4;
const SET_ALL = MACHINE_FIELDS.columns.map(
  ({ name, type }, index) => `${name} = CAST(one.value ->> ${LEADING + index} AS ${type})`,
);
const UPDATE_ALL_SQL =
  'UPDATE machine SET updated_ms = CAST(one.value ->> 1 AS BIGINT), ' +
  "power_task_id = CASE one.value ->> 2 WHEN 'new' THEN one.value ->> 3 ELSE power_task_id END, " +
  `${SET_ALL.join(', ')} FROM rows(?) AS one WHERE machine.id = CAST(one.value ->> 0 AS BIGINT)`;
/** The most machines in one statement: each may have 32 KiB of facts. */
export const UPDATED_AT_ONCE = 64;

export function* updateMachines(updates: readonly MachineUpdate[], atMs: number, tasks: PowerTaskIds): Steps<void> {
  const [only] = updates;
  if (only !== undefined && updates.length === 1) {
    const values = [atMs, ...MACHINE_FIELDS.values({ ...only.machine, ...only.fields })];
    const task = tasks.get(only.machine.id);
    if (task === undefined) yield run(UPDATE_SQL, ...values, only.machine.id);
    else yield run(UPDATE_WITH_TASK_SQL, ...values, task, only.machine.id);
    return;
  }
  for (let first = 0; first < updates.length; first += UPDATED_AT_ONCE) {
    const rows = updates.slice(first, first + UPDATED_AT_ONCE).map(({ machine, fields }) => {
      const task = tasks.get(machine.id);
      const values = MACHINE_FIELDS.values({ ...machine, ...fields });
      return [machine.id, atMs, task === undefined ? 'same' : 'new', task ?? null, ...values];
    });
    yield run(UPDATE_ALL_SQL, JSON.stringify(rows));
  }
}
