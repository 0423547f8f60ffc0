// Translates the store's statements and schema into PostgreSQL's form.
//
// Sources: postgresql.org/docs/15/functions-json.html, /functions-sequence.html, /sql-prepare.html.

import { createHash } from 'node:crypto';
import { type Migration, readMigration } from '../database-file.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';
import { NEW_NUMBER_SQL, OWN_HISTORY } from '../steps.ts';
import { HISTORY_SQL, OWN_HISTORY_SQL } from './postgres-horizon.ts';

interface PreparedForm {
  readonly name: string;
  readonly text: string;
  readonly writes: boolean;
}

/** The rows of a part of a machine, each with the transaction that wrote it. */
const composeColumnList = (table: string, condition: string, columns: string): string =>
  `(SELECT string_agg(concat_ws(' ', ${columns}), ',') FROM ${table} WHERE ${condition})`;

/**
 * The transactions of a machine's rows (postgresql.org/docs/15/ddl-system-columns.html, xmin). A
 * server that takes over may reuse their numbers, so the history is included.
 */
const STAMP_SQL = `concat_ws(';', machine.xmin, ${[
  composeColumnList('interface AS nic', 'nic.machine_id = machine.id', 'nic.id, nic.xmin'),
  composeColumnList('allocation AS given', 'given.machine_id = machine.id', 'given.address, given.xmin'),
  composeColumnList(
    'machine_tag AS ours JOIN tag ON tag.id = ours.tag_id',
    'ours.machine_id = machine.id',
    'tag.id, tag.xmin, ours.xmin',
  ),
  composeColumnList('area', 'area.id IN (machine.zone_id, machine.pool_id)', 'area.id, area.xmin'),
].join(", '', ")}, (SELECT ${HISTORY_SQL}))`;

const ELEMENTS_SQL = 'jsonb_array_elements_text($1::jsonb)';

/**
 * Numbers the parameters, reads lists from JSON, draws new numbers from the sequence, and drops
 * index hints. Lists become arrays, for which the planner uses an index; it would read the whole
 * table for a subquery.
 */
function toPostgresForm(sql: string): string {
  if (sql === NEW_NUMBER_SQL) return "SELECT nextval('change_number') AS value";
  if (sql === OWN_HISTORY.sql) return OWN_HISTORY_SQL;
  let count = 0;
  return sql
    .replace(/ INDEXED BY \w+/g, '')
    .replace('machine_stamp(machine.id)', STAMP_SQL)
    .replace(/\?(\d?)/g, (_, number: string) => {
      if (number === '') count += 1;
      return `$${number === '' ? count : number}`;
    })
    .replace(/\bIN texts\((\$\d+)\)/g, `= ANY (ARRAY(SELECT ${ELEMENTS_SQL}))`)
    .replace(/\bIN numbers\((\$\d+)\)/g, `= ANY (ARRAY(SELECT ${ELEMENTS_SQL}::bigint))`)
    .replace(/\bFROM rows\((\$\d+)\) AS (\w+)/g, 'FROM jsonb_array_elements($1::jsonb) AS $2(value)')
    .replace(/\bFROM texts\((\$\d+)\) AS (\w+)/g, `FROM ${ELEMENTS_SQL} AS $2(value)`)
    .replace(/\bFROM texts\((\$\d+)\)/g, `FROM ${ELEMENTS_SQL} AS one(value)`);
}

/** Translates each statement once; the statements are a fixed set. */
export class PreparedForms {
  readonly #forms = new Map<string, PreparedForm>();

  prepare(sql: string): PreparedForm {
    let form = this.#forms.get(sql);
    if (form === undefined) {
      const text = toPostgresForm(sql);
      const name = createHash('sha256').update(text).digest('base64url');
      form = { text, name, writes: !/^\s*SELECT\b/.test(text) };
      this.#forms.set(sql, form);
    }
    return form;
  }
}

/** Only PostgreSQL needs these: for the order of changes, exclusive decisions, and several processes. */
const POSTGRES_TABLES = `
-- Numbers events and versions, from 2: a transaction locks the last number before its own (postgres-horizon.ts).
CREATE SEQUENCE change_number;
SELECT nextval('change_number');
ALTER TABLE event ALTER COLUMN id DROP IDENTITY, ALTER COLUMN id SET DEFAULT nextval('change_number');

-- One row for each identifying value. Two transactions that give one value to two new machines both write it, so one of them runs again.
CREATE TABLE claim (value TEXT PRIMARY KEY, times BIGINT NOT NULL);
CREATE FUNCTION identity_claimed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO claim (value, times) VALUES (NEW.value, 1) ON CONFLICT (value) DO UPDATE SET times = claim.times + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER identity_claimed BEFORE INSERT ON identity FOR EACH ROW EXECUTE FUNCTION identity_claimed();
CREATE FUNCTION identity_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM claim WHERE value = OLD.value; RETURN NULL; END $$;
CREATE TRIGGER identity_left AFTER DELETE ON identity FOR EACH ROW EXECUTE FUNCTION identity_left();

-- Which process does the work that must happen once (postgres-duties.ts).
CREATE TABLE duty (name TEXT PRIMARY KEY, holder TEXT NOT NULL, ends_at TIMESTAMPTZ NOT NULL);

-- The images at each host with a process of the region (region/records/host-image-store.ts). images, condemned: JSON.
CREATE TABLE host_images (place TEXT PRIMARY KEY, images TEXT NOT NULL, condemned TEXT NOT NULL, seen_at TIMESTAMPTZ NOT NULL);

-- When the bucket of a rate is full again, in milliseconds since 1970 (postgres-rates.ts).
CREATE UNLOGGED TABLE rate (name TEXT PRIMARY KEY, full_ms DOUBLE PRECISION NOT NULL);
CREATE INDEX rate_full ON rate (full_ms);

-- One row for each connection: the number of its last stored transaction (postgres-transactions.ts).
CREATE TABLE commit_mark (connection TEXT PRIMARY KEY, transactions BIGINT NOT NULL, seen_at TIMESTAMPTZ NOT NULL DEFAULT now());
`;

/** The triggers, as in `region-schema.ts`. */
const TRIGGERS = `
CREATE FUNCTION machine_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE machine SET is_touched = 1 WHERE id = NEW.machine_id AND is_touched = 0; RETURN NULL; END $$;
CREATE TRIGGER machine_tagged AFTER INSERT ON machine_tag FOR EACH ROW EXECUTE FUNCTION machine_touched();
CREATE TRIGGER machine_touched AFTER INSERT ON event FOR EACH ROW WHEN (NEW.username <> '' AND NEW.machine_id IS NOT NULL)
  EXECUTE FUNCTION machine_touched();
CREATE FUNCTION script_result_aborted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE script_result SET status = 'aborted', ended_ms = NEW.status_since_ms
  WHERE ended_ms IS NULL AND run_id = (SELECT max(id) FROM script_run WHERE machine_id = NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER script_result_aborted AFTER UPDATE OF status ON machine FOR EACH ROW WHEN (OLD.status <> NEW.status)
  EXECUTE FUNCTION script_result_aborted();
`;

const convertTables = (sqliteSql: string): string =>
  sqliteSql
    .replace(/CREATE TRIGGER[\s\S]*?END;\n/g, '')
    .replaceAll('INTEGER PRIMARY KEY AUTOINCREMENT', 'BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY')
    .replaceAll('INTEGER', 'BIGINT')
    .replaceAll('BLOB', 'BYTEA')
    .replaceAll(/\) STRICT(, WITHOUT ROWID)?;/g, ');');

/** The number of a migration is the version that it makes. */
export const POSTGRES_MIGRATIONS: readonly Migration[] = REGION_DATABASE.migrations.map((migration, index) => {
  const [sqliteSql, move] = readMigration(migration);
  const sql = `${convertTables(sqliteSql)}${index === 0 ? `${TRIGGERS}${POSTGRES_TABLES}` : ''}`;
  return move === undefined ? sql : [sql, move];
});
