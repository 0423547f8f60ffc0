// Applies decided changes of machines (`steps.ts`): fields, user data, keys, addresses and power
// tasks. Each statement takes many machines.
//
// 1. A change for racks makes a new version.
// 2. `identity` follows a machine's identifying values.

import { isDeepStrictEqual } from 'node:util';
import { identityKeys } from '../../region/identity/evidence.ts';
import { machineEvidence } from '../../region/identity/recognition.ts';
import { toRackMachine } from '../../region/racks/desired-machine.ts';
import type { MachineChange, ReportedInterface } from '../../region/records/decisions.ts';
import type { Machine, MachineFields } from '../../region/records/machine.ts';
import { isUnfinished } from '../../region/records/script-store.ts';
import { composeAssignments, composeRowValue } from '../rows.ts';
import { needingSpace, one, readFirstNumber, run, type Steps } from '../steps.ts';
import { claimAddresses } from './claims.ts';
import { composeMachineEvents, type EventTable } from './region-events.ts';
import { setIdentity } from './region-identity.ts';
import { readMachines } from './region-machine-reads.ts';
import { MACHINE_FIELDS } from './region-rows.ts';
import { storeNewestRuns } from './region-scripts.ts';
import { countVersion } from './region-versions.ts';

// One machine is written with bound values, several from one JSON text.

interface MachineUpdate {
  readonly machine: Machine;
  readonly fields: Partial<MachineFields>;
}

/** The power tasks by machine id: null removes the task; without an entry it stays. */
type PowerTaskIds = ReadonlyMap<number, string | null>;

const SET_SQL = `UPDATE machine SET updated_ms = ?, ${composeAssignments(MACHINE_FIELDS.names)}`;
const UPDATE_SQL = `${SET_SQL} WHERE id = ?`;
const UPDATE_WITH_TASK_SQL = `${SET_SQL}, power_task_id = ? WHERE id = ?`;

/** The id, the time, whether the id of the power task changes, and that id. */
const LEADING_VALUES = 4;
const SET_ALL_COLUMNS = MACHINE_FIELDS.columns.map(
  (column, index) => `${column.name} = ${composeRowValue(column, LEADING_VALUES + index)}`,
);
const UPDATE_ALL_SQL =
  'UPDATE machine SET updated_ms = CAST(one.value ->> 1 AS BIGINT), ' +
  "power_task_id = CASE one.value ->> 2 WHEN 'new' THEN one.value ->> 3 ELSE power_task_id END, " +
  `${SET_ALL_COLUMNS.join(', ')} FROM rows(?) AS one WHERE machine.id = CAST(one.value ->> 0 AS BIGINT)`;
/** Machines of one statement: each may have 32 KiB of facts. */
export const UPDATED_AT_ONCE = 64;

function* updateMachines(updates: readonly MachineUpdate[], atMs: number, tasks: PowerTaskIds): Steps<void> {
  const [single] = updates;
  if (single !== undefined && updates.length === 1) {
    const values = [atMs, ...MACHINE_FIELDS.values({ ...single.machine, ...single.fields })];
    const task = tasks.get(single.machine.id);
    if (task === undefined) yield run(UPDATE_SQL, ...values, single.machine.id);
    else yield run(UPDATE_WITH_TASK_SQL, ...values, task, single.machine.id);
    return;
  }
  for (let start = 0; start < updates.length; start += UPDATED_AT_ONCE) {
    const rows = updates.slice(start, start + UPDATED_AT_ONCE).map(({ machine, fields }) => {
      const task = tasks.get(machine.id);
      const values = MACHINE_FIELDS.values({ ...machine, ...fields });
      return [machine.id, atMs, task === undefined ? 'same' : 'new', task ?? null, ...values];
    });
    yield run(UPDATE_ALL_SQL, JSON.stringify(rows));
  }
}

const SET_USER_DATA_SQL =
  'INSERT INTO user_data (machine_id, data) VALUES (?, ?) ON CONFLICT (machine_id) DO UPDATE SET data = excluded.data';

const ALLOCATE_SQL =
  'INSERT INTO allocation (address, machine_id, mac) SELECT CAST(one.value ->> 0 AS BIGINT), CAST(one.value ->> 1 AS BIGINT), ' +
  'CAST(one.value ->> 2 AS BIGINT) FROM rows(?) AS one';

/** The answer is the last number drawn. */
const DRAW_TASKS_SQL =
  "INSERT INTO counter (name, value) VALUES ('power-task', ?) " +
  'ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value RETURNING value';

const NO_TASKS: PowerTaskIds = new Map();

interface DecidedChange {
  readonly machine: Machine;
  readonly change: Extract<MachineChange<unknown>, { kind: 'change' }>;
}

const gainsAddress = ({ machine, change: { addresses = [] } }: DecidedChange): boolean =>
  addresses.some(({ address }) => machine.addresses.every((existing) => existing.address !== address));

/** @returns the changed machines, in the order of `changes` */
export function* applyChanges(
  changes: readonly DecidedChange[],
  atMs: number,
  events: EventTable,
): Steps<readonly Machine[]> {
  if (changes.length === 0) return [];
  const updates = changes.map(({ machine, change }) => ({ machine, fields: change.fields }));
  yield* updateAll(updates, atMs, yield* assignTaskIds(changes));
  for (const { machine, change } of changes) {
    if (change.interfaces !== undefined) yield* setInterfaces(machine, change.interfaces);
    if (change.userData instanceof Uint8Array) yield needingSpace(run(SET_USER_DATA_SQL, machine.id, change.userData));
  }
  const listIds = (isMatch: (change: DecidedChange['change'], id: number) => boolean): string[] => {
    const ids = changes.filter(({ machine, change }) => isMatch(change, machine.id)).map(({ machine }) => machine.id);
    return ids.length === 0 ? [] : [JSON.stringify(ids)];
  };
  for (const ids of listIds(({ userData }) => userData === null)) {
    yield run('DELETE FROM user_data WHERE machine_id IN numbers(?)', ids);
  }
  for (const ids of listIds(({ endsKey }) => endsKey === true)) {
    yield run('DELETE FROM machine_key WHERE machine_id IN numbers(?)', ids);
  }
  const withAddresses = new Set(changes.flatMap(({ machine }) => (machine.addresses.length > 0 ? machine.id : [])));
  for (const ids of listIds(({ addresses }, id) => addresses !== undefined && withAddresses.has(id))) {
    yield run('DELETE FROM allocation WHERE machine_id IN numbers(?)', ids);
  }
  const addressRows = changes.flatMap(({ machine, change }) =>
    (change.addresses ?? []).map(({ address, mac }) => [address, machine.id, mac]),
  );
  if (changes.some(gainsAddress)) yield claimAddresses();
  // A second holder of the address would be our bug.
  if (addressRows.length > 0) yield run(ALLOCATE_SQL, JSON.stringify(addressRows));
  const ids = JSON.stringify(changes.map(({ machine }) => machine.id));
  const machinesAfter = new Map(
    (yield* readMachines('SELECT * FROM machine WHERE id IN numbers(?)', ids)).map((machine) => [machine.id, machine]),
  );
  const pairs = changes.flatMap(({ machine, change }) => {
    const after = machinesAfter.get(machine.id);
    return after === undefined ? [] : [{ machine, change, after }];
  });
  yield* events.addAll(
    pairs.flatMap(({ machine, change, after }) => composeMachineEvents(change.events, machine, after)),
  );
  const differing = pairs.filter(({ machine, after }) => differsForRacks(machine, after));
  if (differing.length > 0) yield* countVersion(differing.map(({ machine }) => machine.id));
  return pairs.map(({ after }) => after);
}

/**
 * Each new task gets a unique id: the ledger shows by it whether the task was started.
 * @returns ids by machine whose task changes; null: its task is removed
 */
function* assignTaskIds(changes: readonly DecidedChange[]): Steps<PowerTaskIds> {
  const withTaskChange = changes.filter(({ change }) => Object.hasOwn(change.fields, 'powerTask'));
  const withNewTask = withTaskChange.filter(({ change }) => change.fields.powerTask !== undefined);
  const lastNumber = withNewTask.length === 0 ? 0 : readFirstNumber(yield one(DRAW_TASKS_SQL, withNewTask.length));
  return new Map([
    ...withTaskChange.map(({ machine }) => [machine.id, null] as const),
    ...withNewTask.map(({ machine }, index) => [machine.id, `${machine.systemId}/${lastNumber - index}`] as const),
  ]);
}

/** Interfaces that stay keep their ids. */
export function* setInterfaces(machine: Machine, interfaces: readonly ReportedInterface[]): Steps<void> {
  const keptMacs = new Set(interfaces.flatMap(({ mac, formerMac }) => [mac, formerMac]));
  for (const { mac, formerMac } of interfaces) {
    if (formerMac === undefined) continue;
    const update =
      'UPDATE interface SET mac = ?1 WHERE mac = ?2 AND machine_id = ?3 AND NOT EXISTS (SELECT 1 FROM interface WHERE mac = ?1)';
    yield run(update, mac, formerMac, machine.id);
  }
  for (const nic of machine.interfaces) {
    if (!keptMacs.has(nic.mac)) yield run('DELETE FROM interface WHERE id = ?', nic.id);
  }
  for (const [position, nic] of interfaces.entries()) {
    yield run(
      'INSERT INTO interface (machine_id, position, mac, name, source) VALUES (?, ?, ?, ?, ?) ' +
        'ON CONFLICT (mac) DO UPDATE SET position = excluded.position, name = excluded.name, source = excluded.source ' +
        'WHERE interface.machine_id = excluded.machine_id',
      machine.id,
      position,
      nic.mac,
      nic.name,
      nic.source ?? 'hearsay',
    );
  }
}

export function* updateMachine(machine: Machine, fields: Partial<MachineFields>, atMs: number): Steps<void> {
  yield* updateAll([{ machine, fields }], atMs, NO_TASKS);
}

function* updateAll(updates: readonly MachineUpdate[], atMs: number, tasks: PowerTaskIds): Steps<void> {
  yield* updateMachines(updates, atMs, tasks);
  for (const { machine, fields } of updates) {
    yield* updateIdentity(machine, { ...machine, ...fields });
    // Its unfinished scripts were aborted.
    const isAborted = Object.values(machine.runs ?? {}).some(({ status }) => isUnfinished(status));
    if (isAborted && fields.status !== undefined) yield* storeNewestRuns(machine.id);
  }
}

function* updateIdentity(machine: Machine, after: Machine): Steps<void> {
  const formatIdentity = (source: Machine): string => identityKeys(machineEvidence(source)).join('\n');
  if (formatIdentity(machine) !== formatIdentity(after)) yield* setIdentity(after);
}

/**
 * Whether its record for racks or its power settings changed: other processes learn of it only by
 * the version.
 */
export function differsForRacks(before: Machine, after: Machine): boolean {
  const isSame =
    before.powerType === after.powerType &&
    isDeepStrictEqual(before.powerParameters, after.powerParameters) &&
    isDeepStrictEqual(toRackMachine(before), toRackMachine(after));
  return !isSame;
}
