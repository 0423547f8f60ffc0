// Operations on the sequences that each kind of database keeps itself (`region-steps.ts`): for versions, and for the ids of rows. If
// somebody lowered one by hand, it is raised to the highest number in use, like the other counters (`region-counters.ts`).
//
// Sources: sqlite.org/autoinc.html; postgresql.org/docs/15/functions-sequence.html.

import { readsRow, text } from '../rows.ts';
import { counterValue, type RaisedCounter, raiseTo } from './region-counters.ts';
import { all, GIVEN_MAX, numberIn, one, run, type Steps } from './region-steps.ts';
import { desiredVersion } from './region-versions.ts';

type OnRaised = (raised: RaisedCounter) => void;

const VERSIONS = 'desired-version';
/** PostgreSQL's lock for setting sequences: without it, the slower of two processes could lower a sequence that the other has raised. */
const SEQUENCES_LOCK = 0x5242_5351;
/** The highest id of a machine that an event names. */
const NAMED_MACHINE_SQL = `SELECT max(machine_id) FROM event WHERE machine_id < ${GIVEN_MAX}`;
/** Lists the tables on PostgreSQL whose ids come from their own sequence. */
const GIVING_TABLES_SQL =
  "SELECT relname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE attidentity <> '' AND attname = 'id' " +
  'AND relnamespace = current_schema()::regnamespace ORDER BY relname';

/** On SQLite. SQLite never gives an id that is in the table, but could give the id of a deleted machine again. */
export function* checkSqliteSequences(onRaised: OnRaised): Steps<void> {
  const version = yield* desiredVersion();
  if (version > (yield* counterValue(VERSIONS))) {
    yield raiseTo(VERSIONS, version);
    onRaised({ name: VERSIONS, max: version });
  }
  const named = numberIn(yield one(NAMED_MACHINE_SQL));
  if (named <= numberIn(yield one("SELECT max(seq) FROM sqlite_sequence WHERE name = 'machine'"))) return;
  yield run("DELETE FROM sqlite_sequence WHERE name = 'machine'");
  yield run("INSERT INTO sqlite_sequence (name, seq) VALUES ('machine', ?)", named);
  onRaised({ name: 'sqlite_sequence machine', max: named });
}

/** On PostgreSQL, where one sequence counts events and versions together, and each other table has its own. */
export function* checkPostgresSequences(onRaised: OnRaised): Steps<void> {
  yield one('SELECT pg_advisory_xact_lock(?)', SEQUENCES_LOCK);
  const newest = numberIn(yield one(`SELECT max(id) FROM event WHERE id < ${GIVEN_MAX}`));
  const least = Math.max(newest, yield* desiredVersion());
  if (least > numberIn(yield one('SELECT last_value FROM change_number'))) {
    yield one("SELECT setval('change_number', ?)", least);
    onRaised({ name: 'change_number', max: least });
  }
  for (const table of (yield all(GIVING_TABLES_SQL)).rows.map(readTable)) {
    const sequence = `pg_get_serial_sequence('${table}', 'id')`;
    const named = table === 'machine' ? ` UNION ALL ${NAMED_MACHINE_SQL}` : '';
    const used = `SELECT max(id) AS id FROM (SELECT max(id) AS id FROM ${table} WHERE id < ${GIVEN_MAX}${named}) AS each`;
    const raised = yield one(
      `SELECT setval(${sequence}, id) AS id FROM (${used}) AS used WHERE id > coalesce(pg_sequence_last_value(${sequence}), 0)`,
    );
    if (raised.row !== undefined) onRaised({ name: `${table}_id_seq`, max: numberIn(raised) });
  }
}

const readTable = readsRow('pg_class', (row) => text(row, 'name'));
