// What region.db stores to tell machines apart: the values that each machine shows, the values that several share, and pairs of machines
// that may be one or are known to be two. Runs inside its caller's transaction.
//
// 1. `identity` is derived from the machines' own rows, and written with them.
// 2. Rows that strangers can cause are bounded: the oldest shared values and conflicts are deleted. A person's verdicts are kept.

import { identityKeys } from '../region/identity/evidence.ts';
import { machineEvidence } from '../region/identity/recognition.ts';
import type { Doubt } from '../region/records/event-params.ts';
import { statusRow } from '../region/records/lifecycle.ts';
import type { Machine } from '../region/records/machine.ts';
import type { Conflict, PairVerdict } from '../region/records/store.ts';
import { number, type Statements, text } from './region-rows.ts';
import { packParams, unpackHappening } from './stored-event.ts';

/** Shared values that are remembered. */
export const SHARED_VALUES_MAX = 10_000;
/** Conflicts that are kept for a person to decide. */
export const CONFLICTS_MAX = 1000;
/** Machines considered per value: a value that more machines show proves nothing. */
const HOLDERS_MAX = 8;

/** Finds established machines (`interface-source.ts`) that show a value; at most two, which is enough to know. */
const ESTABLISHED_HOLDERS =
  'SELECT 1 FROM identity JOIN machine ON machine.id = identity.machine_id WHERE identity.value = ? AND ' +
  `(machine.status <> ${statusRow('new').number} OR EXISTS (SELECT 1 FROM interface ` +
  "WHERE interface.machine_id = machine.id AND interface.source IN ('person', 'vouched'))) LIMIT 2";

/** The tables `identity`, `shared_identity` and `machine_pair`. */
export class IdentityTables {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Stores the values that a machine shows now. */
  setValues(machine: Machine): void {
    this.#sql.run('DELETE FROM identity WHERE machine_id = ?', machine.id);
    for (const key of identityKeys(machineEvidence(machine))) {
      this.#sql.run('INSERT INTO identity (value, machine_id) VALUES (?, ?)', key, machine.id);
    }
  }

  /** The ids of machines that show one of these values. */
  holders(keys: readonly string[]): readonly number[] {
    const found = new Set<number>();
    for (const key of keys) {
      const query = 'SELECT machine_id FROM identity WHERE value = ? ORDER BY machine_id LIMIT ?';
      for (const row of this.#sql.all(query, key, HOLDERS_MAX)) found.add(number(row, 'machine_id'));
    }
    return [...found];
  }

  /** True if several machines show the value, or have shown it. A mere claim to the value does not take it from an established machine. */
  isShared(key: string): boolean {
    if (this.#sql.one('SELECT 1 FROM shared_identity WHERE value = ?', key) !== undefined) return true;
    if (this.#sql.all('SELECT 1 FROM identity WHERE value = ? LIMIT 2', key).length < 2) return false;
    return this.#sql.all(ESTABLISHED_HOLDERS, key).length !== 1;
  }

  /** Remembers values as shared, even if the machines stop showing them. */
  addShared(keys: readonly string[], atMs: number): void {
    if (keys.length === 0) return;
    for (const key of keys) {
      const query =
        'INSERT INTO shared_identity (value, seen_ms) VALUES (?1, ?2) ON CONFLICT (value) DO UPDATE SET seen_ms = ?2';
      this.#sql.run(query, key, atMs);
    }
    this.#sql.run(
      'DELETE FROM shared_identity WHERE value IN (SELECT value FROM shared_identity ORDER BY seen_ms DESC, value LIMIT -1 OFFSET ?)',
      SHARED_VALUES_MAX,
    );
  }

  /** Makes values evidence again if at most one machine shows them now. */
  forgetShared(keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#sql.all('SELECT 1 FROM identity WHERE value = ? LIMIT 2', key).length > 1) continue;
      this.#sql.run('DELETE FROM shared_identity WHERE value = ?', key);
    }
  }

  verdictOn(a: number, b: number): PairVerdict | undefined {
    const query = 'SELECT verdict FROM machine_pair WHERE low_id = ? AND high_id = ?';
    const row = this.#sql.one(query, Math.min(a, b), Math.max(a, b));
    if (row === undefined) return undefined;
    return text(row, 'verdict') === 'apart' ? 'apart' : 'conflict';
  }

  /** Stores a verdict on a pair. A conflict never overwrites a person's `apart`. */
  setVerdict(a: number, b: number, verdict: PairVerdict, why: Doubt | undefined, atMs: number): void {
    this.#sql.run(
      'INSERT INTO machine_pair (low_id, high_id, verdict, code, params, told_by, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ' +
        'ON CONFLICT (low_id, high_id) DO UPDATE SET verdict = ?3, code = ?4, params = ?5, told_by = ?6, at_ms = ?7 ' +
        "WHERE ?3 = 'apart' OR verdict <> 'apart'",
      Math.min(a, b),
      Math.max(a, b),
      verdict,
      why?.code ?? '',
      why === undefined ? '' : packParams(why),
      a,
      atMs,
    );
    this.#sql.run(
      "DELETE FROM machine_pair WHERE verdict = 'conflict' AND at_ms < " +
        "(SELECT at_ms FROM machine_pair WHERE verdict = 'conflict' ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
      CONFLICTS_MAX - 1,
    );
  }

  /** Call when a person has split the machine. */
  forgetDoubt(id: number): void {
    this.#sql.run('DELETE FROM machine_pair WHERE low_id = ?1 AND high_id = ?1', id);
  }

  /** The newest conflicts, of all machines or of one. */
  conflicts(limit: number, systemId: string | undefined): readonly Conflict[] {
    const query =
      'SELECT one.system_id AS one_id, two.system_id AS two_id, pair.code, pair.params, pair.at_ms FROM machine_pair AS pair ' +
      'JOIN machine AS one ON one.id = pair.told_by ' +
      'JOIN machine AS two ON two.id = pair.low_id + pair.high_id - pair.told_by ' +
      `WHERE pair.verdict = 'conflict' AND (pair.low_id <> pair.high_id OR one.status = ${statusRow('new').number}) ` +
      'AND (?1 IS NULL OR one.system_id = ?1 OR two.system_id = ?1) ' +
      'ORDER BY pair.at_ms DESC, pair.low_id, pair.high_id LIMIT ?2';
    return this.#sql.all(query, systemId ?? null, limit).map((row) => ({
      systemId: text(row, 'one_id'),
      otherId: text(row, 'two_id'),
      why: unpackHappening(text(row, 'code'), text(row, 'params')),
      atMs: number(row, 'at_ms'),
    }));
  }
}
