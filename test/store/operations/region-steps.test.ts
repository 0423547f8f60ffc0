// Operations on region.db, run by a driver that waits for each answer and counts the statements.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Answer, Statement, Steps } from '../../../src/store/operations/region-steps.ts';
import { RegionTables } from '../../../src/store/operations/region-tables.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { readsRow, sqliteForm, text } from '../../../src/store/rows.ts';
import { EVENT_BOUNDS, openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { fillRegion, OPERATIONS } from '../../contract/region-operations.ts';

/** A region with a number of machines, whose statements are counted. */
class Place {
  readonly #stateDir: string;
  readonly #database: DatabaseSync;
  readonly tables = new RegionTables(EVENT_BOUNDS);
  readonly machines: number;
  #statements = 0;

  private constructor(stateDir: string, machines: number) {
    this.#stateDir = stateDir;
    this.machines = machines;
    this.#database = new DatabaseSync(join(stateDir, REGION_FILE));
    this.#database.exec('PRAGMA foreign_keys = ON');
  }

  static async make(machines: number): Promise<Place> {
    const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-steps-'));
    const store = openRegionStore({ stateDir });
    await fillRegion(store, machines);
    await store.close();
    return new Place(stateDir, machines);
  }

  /** Runs an operation with a turn of the event loop before each answer. @returns its result, and how many statements it took */
  async run<T>(steps: Steps<T>): Promise<{ readonly result: T; readonly statements: number }> {
    this.#statements = 0;
    let step = steps.next();
    while (step.done !== true) {
      await nextTurn();
      step = steps.next(this.#answer(step.value));
    }
    return { result: step.value, statements: this.#statements };
  }

  #answer({ kind, sql, values }: Statement): Answer {
    this.#statements += 1;
    const statement = this.#database.prepare(sqliteForm(sql));
    if (kind === 'run') return { row: undefined, rows: [], changes: Number(statement.run(...values).changes) };
    const rows = statement.all(...values);
    return { row: rows[0], rows, changes: 0 };
  }

  remove(): void {
    this.#database.close();
    rmSync(this.#stateDir, { recursive: true });
  }
}

/** The most statements of one operation: of a split, with its interfaces and events. */
const STATEMENTS_MAX = 50;

test('an operation takes as many statements for 60 machines as for 12, and also runs if each answer comes later', async () => {
  const counts: Record<string, number>[] = [];
  for (const machines of [12, 60]) {
    const place = await Place.make(machines);
    try {
      const counted: Record<string, number> = {};
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        const { result, statements } = await place.run(operation(place));
        counted[name] = statements;
        if (!name.startsWith('listMachines')) continue;
        const listed = result instanceof Object && 'found' in result ? result.found : undefined;
        assert.ok(Array.isArray(listed) && listed.length === machines, name);
      }
      counts.push(counted);
    } finally {
      place.remove();
    }
  }
  const [few = {}, many = {}] = counts;
  assert.deepEqual(many, few);
  for (const [name, count] of Object.entries(few)) assert.ok(count > 0 && count <= STATEMENTS_MAX, `${name}: ${count}`);
  assert.deepEqual([few.listMachines, few['racks.list'], few.sharedAmong], [4, 1, 1]);
});

test('every operation of every table is counted', () => {
  const names = Object.entries(new RegionTables(EVENT_BOUNDS)).flatMap(([table, whole]) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(whole))
      .filter((name) => name !== 'constructor')
      .map((name) => `${table}.${name}`),
  );
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(OPERATIONS, name)),
    [],
  );
});

test('only a reader that names its row reads a column', () => {
  const steps = (function* (): Steps<unknown> {
    const { row } = yield { kind: 'one', sql: 'SELECT', values: [] };
    assert.ok(row !== undefined);
    // The types refuse it if it is written as a call.
    const unnamed = (): unknown => Reflect.apply(text, undefined, [row, 'id']);
    assert.throws(unnamed, /^Error: column id holds object, not text$/);
    return readsRow('machine', (opened) => text(opened, 'id'), 'system_id')(row);
  })();
  steps.next();
  const answer = { row: { id: null, system_id: 'abc' }, rows: [], changes: 0 };
  assert.throws(() => steps.next(answer), { code: 'store-unavailable', message: /table machine with system_id abc / });
});
