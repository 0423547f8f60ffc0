// Operations on the evidence that distinguishes machines (`steps.ts`): values that each shows,
// those that several share, and pairs that may be one or are two.
//
// 1. `identity` is derived from the machines' own rows.
// 2. Rows that strangers can cause are bounded: the oldest shared values and conflicts are deleted.
//    Verdicts of people stay.

import { identityKeys } from '../../region/identity/evidence.ts';
import { machineEvidence } from '../../region/identity/recognition.ts';
import type { Doubt } from '../../region/records/events.ts';
import type { PairVerdict, StoredVerdict } from '../../region/records/knowledge.ts';
import { statusRow } from '../../region/records/lifecycle.ts';
import type { Machine } from '../../region/records/machine.ts';
import type { Conflict } from '../../region/records/store.ts';
import { number, type Row, text } from '../rows.ts';
import { all, run, type Steps } from '../steps.ts';
import { packParams, unpackHappening } from './stored-event.ts';

export const SHARED_VALUES_MAX = 10_000;
/** Conflicts that wait for a person. */
export const CONFLICTS_MAX = 1000;
/** A value of more machines proves nothing. */
const HOLDERS_MAX = 8;

/** Established machines (`interface-source.ts`) with a value; two are enough to decide. */
const ESTABLISHED_HOLDERS =
  'SELECT 1 FROM identity JOIN machine ON machine.id = identity.machine_id WHERE identity.value = key.value AND ' +
  `(machine.status <> ${statusRow('new').number} OR EXISTS (SELECT 1 FROM interface ` +
  "WHERE interface.machine_id = machine.id AND interface.source IN ('person', 'vouched'))) LIMIT 2";
const HOLDERS = 'SELECT 1 FROM identity WHERE identity.value = key.value LIMIT 2';

/** Values that several machines show or have shown. */
const SHARED_SQL =
  'SELECT key.value FROM texts(?) AS key WHERE EXISTS (SELECT 1 FROM shared_identity WHERE value = key.value) OR ' +
  `((SELECT count(*) FROM (${HOLDERS}) AS holder) = 2 AND (SELECT count(*) FROM (${ESTABLISHED_HOLDERS}) AS holder) <> 1)`;

/** At most HOLDERS_MAX ids per value; `undefined` if `count` is 0. */
export function composeHoldersQuery(count: number): string | undefined {
  const holdersSql = `SELECT machine_id FROM (SELECT machine_id FROM identity WHERE value = ? ORDER BY machine_id LIMIT ${HOLDERS_MAX}) AS holder`;
  return count === 0 ? undefined : Array.from({ length: count }, () => holdersSql).join(' UNION ');
}

export function* setIdentity(machine: Machine): Steps<void> {
  yield run('DELETE FROM identity WHERE machine_id = ?', machine.id);
  const keys = identityKeys(machineEvidence(machine));
  if (keys.length === 0) return;
  yield run('INSERT INTO identity (value, machine_id) SELECT value, ? FROM texts(?)', machine.id, JSON.stringify(keys));
}

/** A mere claim does not make an established machine's value shared. */
export function* sharedValues(keys: readonly string[]): Steps<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = yield all(SHARED_SQL, JSON.stringify(keys));
  return new Set(rows.map(readValue));
}

export function* addShared(keys: readonly string[], atMs: number): Steps<void> {
  if (keys.length === 0) return;
  // An upsert from a query needs a WHERE, or its ON would begin a join.
  yield run(
    'INSERT INTO shared_identity (value, seen_ms) SELECT value, ?2 FROM texts(?1) WHERE true ON CONFLICT (value) DO UPDATE SET seen_ms = excluded.seen_ms',
    JSON.stringify(keys),
    atMs,
  );
  yield run(
    'DELETE FROM shared_identity WHERE value IN (SELECT value FROM shared_identity ORDER BY seen_ms DESC, value LIMIT 9223372036854775807 OFFSET ?)',
    SHARED_VALUES_MAX,
  );
}

/** Lets shared values count as evidence again, unless several machines show them now. */
export function* forgetShared(keys: readonly string[]): Steps<void> {
  yield run(
    'DELETE FROM shared_identity WHERE value IN ' +
      `(SELECT key.value FROM texts(?) AS key WHERE (SELECT count(*) FROM (${HOLDERS}) AS holder) < 2)`,
    JSON.stringify(keys),
  );
}

/** The verdicts on pairs of these machines, and on each of them alone. */
export function* readVerdicts(ids: readonly number[]): Steps<readonly StoredVerdict[]> {
  if (ids.length === 0) return [];
  const amongSql = 'IN numbers(?1)';
  const query = `SELECT low_id, high_id, verdict FROM machine_pair WHERE low_id ${amongSql} AND high_id ${amongSql}`;
  return (yield all(query, JSON.stringify(ids))).rows.map(readVerdict);
}

/** A conflict never overwrites a person's `apart`. */
export function* setVerdict(
  a: number,
  b: number,
  verdict: PairVerdict,
  doubt: Doubt | undefined,
  atMs: number,
): Steps<void> {
  yield run(
    'INSERT INTO machine_pair (low_id, high_id, verdict, code, params, reporter_id, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ' +
      'ON CONFLICT (low_id, high_id) DO UPDATE SET verdict = excluded.verdict, code = excluded.code, params = excluded.params, ' +
      'reporter_id = excluded.reporter_id, at_ms = excluded.at_ms ' +
      "WHERE excluded.verdict = 'apart' OR machine_pair.verdict <> 'apart'",
    Math.min(a, b),
    Math.max(a, b),
    verdict,
    doubt?.code ?? '',
    doubt === undefined ? '' : packParams(doubt),
    a,
    atMs,
  );
  yield run(
    "DELETE FROM machine_pair WHERE verdict = 'conflict' AND at_ms < " +
      "(SELECT at_ms FROM machine_pair WHERE verdict = 'conflict' ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
    CONFLICTS_MAX - 1,
  );
}

/** Removes the doubt once a person has split the machine. */
export function* forgetDoubt(id: number): Steps<void> {
  yield run('DELETE FROM machine_pair WHERE low_id = ?1 AND high_id = ?1', id);
}

export function* listConflicts(limit: number, systemId?: string): Steps<readonly Conflict[]> {
  const query =
    'SELECT one.system_id AS one_id, two.system_id AS two_id, pair.low_id, pair.code, pair.params, pair.at_ms FROM machine_pair AS pair ' +
    'JOIN machine AS one ON one.id = pair.reporter_id ' +
    'JOIN machine AS two ON two.id = pair.low_id + pair.high_id - pair.reporter_id ' +
    `WHERE pair.verdict = 'conflict' AND (pair.low_id <> pair.high_id OR one.status = ${statusRow('new').number}) ` +
    'AND (CAST(?1 AS TEXT) IS NULL OR one.system_id = ?1 OR two.system_id = ?1) ' +
    'ORDER BY pair.at_ms DESC, pair.low_id, pair.high_id LIMIT ?2';
  return (yield all(query, systemId ?? null, limit)).rows.map(readConflict);
}

const readVerdict = (row: Row): StoredVerdict => ({
  lowId: number('low_id').read(row),
  highId: number('high_id').read(row),
  verdict: text('verdict').read(row) === 'apart' ? 'apart' : 'conflict',
});

const readConflict = (row: Row): Conflict => ({
  systemId: text('one_id').read(row),
  otherId: text('two_id').read(row),
  why: unpackHappening(text('code').read(row), text('params').read(row)),
  atMs: number('at_ms').read(row),
});

const readValue = text('value').read;
