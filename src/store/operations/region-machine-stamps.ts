// Operations that list machines with stamps, for callers that keep what they made of each machine
// (`steps.ts`). A machine is read only if the caller does not know it with the same stamp.
//
// 1. A stamp changes with every row that `readMachines` reads for the machine, whichever process changed it.
// 2. The stamps are read before the machines, in the same transaction: a machine is never older
//    than its stamp.

import type { MachineFilter } from '../../region/records/filters.ts';
import type { IsKnownMachine, StampedMachine, StampedMachines } from '../../region/records/store.ts';
import { codec, number, text } from '../rows.ts';
import { all, type Steps } from '../steps.ts';
import { composeMachineQuery, readMachines } from './region-machine-reads.ts';

/** Each with at most 32 KiB of facts. */
const READ_AT_ONCE = 50;
/** How many stamps one query reads while the caller knows the machines. */
const STAMPED_AT_ONCE = 500;

/**
 * A function of the connection on SQLite (`machine-stamps.ts`); `postgres-form.ts` has the form for
 * PostgreSQL.
 */
const STAMP_COLUMNS = 'machine.id, machine_stamp(machine.id) AS stamp';
const READ_SQL = 'SELECT * FROM machine WHERE id IN numbers(?) ORDER BY id';

export function* listStamped(filter: MachineFilter, afterId: number, isKnown: IsKnownMachine): Steps<StampedMachines> {
  const stamps = [...(yield* readStamps(filter, afterId, READ_AT_ONCE))];
  const lastStamp = stamps.at(-1);
  let isWhole = stamps.length < READ_AT_ONCE;
  // A caller that knows these probably knows the next ones, too.
  if (!isWhole && lastStamp !== undefined && stamps.every(({ id, stamp }) => isKnown(id, stamp))) {
    const moreStamps = yield* readStamps(filter, lastStamp.id, STAMPED_AT_ONCE);
    stamps.push(...moreStamps);
    isWhole = moreStamps.length < STAMPED_AT_ONCE;
  }
  const unknownStamps = stamps.filter(({ id, stamp }) => !isKnown(id, stamp));
  const endId = unknownStamps[READ_AT_ONCE]?.id ?? Number.POSITIVE_INFINITY;
  const listedStamps = stamps.filter(({ id }) => id < endId);
  const wanted = unknownStamps.slice(0, READ_AT_ONCE).map(({ id }) => id);
  const readList = wanted.length === 0 ? [] : yield* readMachines(READ_SQL, JSON.stringify(wanted));
  const machines = new Map(readList.map((machine) => [machine.id, machine]));
  const wantedIds = new Set(wanted);
  const stamped = listedStamps
    .filter(({ id }) => !wantedIds.has(id) || machines.has(id))
    .map((stamp): StampedMachine => ({ ...stamp, machine: machines.get(stamp.id) }));
  const isLast = isWhole && listedStamps.length === stamps.length;
  return { machines: stamped, lastId: isLast ? undefined : listedStamps.at(-1)?.id };
}

function* readStamps(filter: MachineFilter, afterId: number, limit: number): Steps<readonly StampedRow[]> {
  const { sql, values } = composeMachineQuery(filter, STAMP_COLUMNS, ['machine.id > ?'], [afterId]);
  return (yield all(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit)).rows.map(readStamp);
}

type StampedRow = Pick<StampedMachine, 'id' | 'stamp'>;

const readStamp = codec({ id: number('id'), stamp: text('stamp') }).read;
