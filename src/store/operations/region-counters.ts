// Operations on the counters that give each number once (`region-steps.ts`): the table `counter`.
//
//   a counter that is missing, or lower than a number in use: somebody changed it by hand ──► raised, and reported
//
// 1. A number is never given twice: an event keeps the id of a deleted machine, and a power command with a known id would not be carried
//    out.
// 2. All counters are checked when a process starts, and each one whenever it gives a number.
// 3. Regions only give numbers below GIVEN_MAX. A higher number comes from a damaged row, and raises no counter.

import { FIRST_NETWORK_ID } from '../../region/records/network-store.ts';
import { readsRow } from '../rows.ts';
import { NETWORK_TABLES } from './network-rows.ts';
import { all, GIVEN_MAX, numberIn, one, run, type Statement, type Steps } from './region-steps.ts';

const TASKS = 'power-task';
const NETWORK_OBJECTS = 'network-object';

/** The id of a served subnet is its first address, which is at least 1.0.0.0 (2^24). Lower ids come from the counter. */
export const NETWORK_ID_END = 2 ** 24;

/** Draws numbers for a given count of power tasks; the answer is the last of them. */
const COUNT_TASKS_SQL =
  'INSERT INTO counter (name, value) VALUES (?, ?) ' +
  'ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value RETURNING value';
const RAISE_SQL =
  'INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ' +
  'CASE WHEN excluded.value > counter.value THEN excluded.value ELSE counter.value END';
const USED_TASKS_SQL =
  'SELECT power_task_id AS id FROM machine WHERE power_task IS NOT NULL UNION ALL SELECT id FROM power_command';
const KNOWN_TASKS_SQL =
  'SELECT count(*) FROM (SELECT id FROM power_command WHERE id IN texts(?1) UNION ALL ' +
  'SELECT power_task_id AS id FROM machine WHERE system_id IN texts(?2) AND power_task_id IN texts(?1)) AS known';
const USED_NETWORK_IDS_SQL = `SELECT max(id) FROM (${Object.values(NETWORK_TABLES)
  .map(({ name }) => `SELECT max(id) AS id FROM ${name} WHERE id < ${NETWORK_ID_END}`)
  .join(' UNION ALL ')}) AS used`;
/** A counter that was missing or too low, and its number now. */
export interface RaisedCounter {
  readonly name: string;
  readonly max: number;
}

/** The table `counter`. */
export class CounterTable {
  readonly #onRaised: (raised: RaisedCounter) => void;

  /** @param onRaised called within the transaction, which may run again */
  constructor(onRaised: (raised: RaisedCounter) => void) {
    this.#onRaised = onRaised;
  }

  /** Raises counters that are too low. `region-sequences.ts` checks those that only one kind of database has. */
  *check(): Steps<void> {
    yield* this.#raise(TASKS, yield* usedTasks());
    yield* this.nextNetworkId(numberIn(yield one(USED_NETWORK_IDS_SQL)));
  }

  /** Gives each of these machines the id of a new power task. @returns the ids, in the order of `systemIds` */
  *drawTasks(systemIds: readonly string[]): Steps<readonly string[]> {
    if (systemIds.length === 0) return [];
    const draw = function* (): Steps<{ readonly ids: readonly string[]; readonly before: number }> {
      const last = numberIn(yield one(COUNT_TASKS_SQL, TASKS, systemIds.length));
      return {
        ids: systemIds.map((systemId, index) => `${systemId}/${last - index}`),
        before: last - systemIds.length,
      };
    };
    const { ids, before } = yield* draw();
    const isKnown = numberIn(yield one(KNOWN_TASKS_SQL, JSON.stringify(ids), JSON.stringify(systemIds))) > 0;
    if (before > 0 && !isKnown) return ids;
    const used = yield* usedTasks();
    if (used <= before) return ids;
    yield* this.#set(TASKS, used);
    return (yield* draw()).ids;
  }

  /** The next id of a network object. @param used the highest id in use; 0: none */
  *nextNetworkId(used: number): Steps<number> {
    yield* this.#raise(NETWORK_OBJECTS, used < FIRST_NETWORK_ID ? 0 : used + 1);
    return Math.max(FIRST_NETWORK_ID, yield* counterValue(NETWORK_OBJECTS));
  }

  /** Lets the next network object get this id. */
  *continueNetworkIds(nextId: number): Steps<void> {
    yield raiseTo(NETWORK_OBJECTS, nextId);
  }

  *#raise(name: string, least: number): Steps<void> {
    if (least > (yield* counterValue(name))) yield* this.#set(name, least);
  }

  *#set(name: string, max: number): Steps<void> {
    yield raiseTo(name, max);
    this.#onRaised({ name, max });
  }
}

export const raiseTo = (name: string, max: number): Statement => run(RAISE_SQL, name, max);

export function* counterValue(name: string): Steps<number> {
  return numberIn(yield one('SELECT value FROM counter WHERE name = ?', name));
}

/** The highest number in use for a power task, in a machine's record or in the ledger. */
function* usedTasks(): Steps<number> {
  return (yield all(USED_TASKS_SQL)).rows.map(readTask).reduce((highest, next) => Math.max(highest, next), 0);
}

/** The number in `system_id/number`; 0 for an id of another form. */
const readTask = readsRow('power_command', ({ id }): number => {
  const number = Number(/\/(\d+)$/.exec(String(id))?.[1] ?? 0);
  return number < GIVEN_MAX ? number : 0;
});
