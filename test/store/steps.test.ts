// Operations on region.db, run by a driver that waits for each answer and counts the statements.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';
import { createRegionTables } from '../../src/store/region/stored-region.ts';
import { toSqliteForm } from '../../src/store/rows.ts';
import { EVENT_BOUNDS, openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import type { Answer, Statement, Steps } from '../../src/store/steps.ts';
import { fillRegion, OPERATIONS } from '../contract/region-operations.ts';

/** A region with a number of machines, whose statements are counted. */
class Place {
  readonly #stateDir: string;
  readonly #database: DatabaseSync;
  readonly tables = createRegionTables(EVENT_BOUNDS);
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

  /** The growing tables, and their indexes, that the statements of an operation read from one end to the other. */
  readWhole(steps: Steps<unknown>): readonly string[] {
    const names = new Map(
      this.#database
        .prepare('SELECT rootpage, name FROM sqlite_schema WHERE tbl_name IN (SELECT value FROM json_each(?))')
        .all(JSON.stringify(GROWING))
        .map(({ rootpage, name }) => [Number(rootpage), String(name)]),
    );
    const whole: string[] = [];
    for (let step = steps.next(); step.done !== true; step = steps.next(this.#answer(step.value))) {
      const sql = toSqliteForm(step.value.sql);
      const program = this.#database.prepare(`EXPLAIN ${sql}`).all();
      whole.push(...programsOf(program).flatMap((each) => wholeOf(each, names)));
    }
    return whole;
  }

  #answer({ kind, sql, values }: Statement): Answer {
    this.#statements += 1;
    const statement = this.#database.prepare(toSqliteForm(sql));
    if (kind === 'run') return { row: undefined, rows: [], changes: Number(statement.run(...values).changes) };
    const rows = statement.all(...values);
    return { row: rows[0], rows, changes: 0 };
  }

  remove(): void {
    this.#database.close();
    rmSync(this.#stateDir, { recursive: true });
  }
}

type Program = readonly Record<string, SQLOutputValue>[];

/** The steps of a program (sqlite.org/opcode.html) that move a cursor on, each with the one that begins at the first or last entry. */
const BEGIN = new Map([
  ['Next', 'Rewind'],
  ['Prev', 'Last'],
]);

/** The names of the indexes and tables over which a loop goes without a bound or a limit on its entries. */
function wholeOf(program: Program, names: ReadonlyMap<number, string>): string[] {
  const opened = new Map(
    program.flatMap(({ opcode, p1, p2 }) =>
      opcode === 'OpenRead' || opcode === 'OpenWrite' ? [[p1, names.get(Number(p2))] as const] : [],
    ),
  );
  return program.flatMap(({ opcode, p1 }, end) => {
    const name = opened.get(p1 ?? null);
    const begin = program.findIndex((step) => step.p1 === p1 && step.opcode === BEGIN.get(String(opcode)));
    if (name === undefined || begin === -1 || begin > end) return [];
    const loop = program.slice(begin, end);
    // A limit, or a highest value: the first entry that is not NULL ends the loop.
    const endsEarly = loop.some(
      (step) => step.opcode === 'DecrJumpZero' || (step.opcode === 'Goto' && Number(step.p2) > end),
    );
    return endsEarly ? [] : [name];
  });
}

/** A statement's program, and those of its triggers and foreign keys: each begins with the address 0. */
function programsOf(rows: Program): readonly Program[] {
  const begins = rows.flatMap(({ addr }, index) => (addr === 0 ? [index] : []));
  return begins.map((begin, index) => rows.slice(begin, begins[index + 1]));
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
        assert.ok(Array.isArray(result) && result.length === machines, name);
      }
      counts.push(counted);
    } finally {
      place.remove();
    }
  }
  const [few = {}, many = {}] = counts;
  assert.deepEqual(many, few);
  for (const [name, count] of Object.entries(few)) assert.ok(count > 0 && count <= STATEMENTS_MAX, `${name}: ${count}`);
  assert.deepEqual([few.listMachines, few['racks.list'], few.sharedValues], [2, 1, 1]);
});

test('every operation of every table is counted', () => {
  const names = Object.entries(createRegionTables(EVENT_BOUNDS)).flatMap(([table, whole]) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(whole))
      .filter((name) => name !== 'constructor')
      .map((name) => `${table}.${name}`),
  );
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(OPERATIONS, name)),
    [],
  );
});

/** Their rows grow with the machines and what happens to them. */
const GROWING = [
  'machine',
  'interface',
  'identity',
  'allocation',
  'machine_tag',
  'machine_pair',
  'shared_identity',
  'gone_machine',
  'event',
  'script_run',
  'script_result',
  'power_command',
];

/** The reads of whole tables that an operation may make, and why. */
const READ_WHOLE: Readonly<Record<string, string>> = {
  'countMachines machine_status': 'a number for people, from a small index',
  'countStatuses machine_status': 'numbers for people, from a small index',
  'boot.listUses machine': 'when somebody looks at images',
  'machines.enlist machine_untouched': 'has the New machines, whose number is bounded',
  'machines.enlist event': 'a process counts its events once',
  'machines.mergeMachines gone_machine_version': 'ends at the versions that are not too old',
  'machines.removeMachine gone_machine_version': 'ends at the versions that are not too old',
  'machines.splitMachine shared_identity_seen': 'ends at the values that are too many',
  'listConflicts machine_pair_conflict': 'has open disputes only',
  'power.begin machine': 'once in FORGET_EVERY commands',
  'power.begin power_command': 'once in FORGET_EVERY commands',
  'power.listUnended power_command_unended': 'has the commands under way',
};

test('an operation reads no table whole that grows with the machines, but for those named', async () => {
  const place = await Place.make(12);
  try {
    const whole = Object.entries(OPERATIONS).flatMap(([name, operation]) =>
      place.readWhole(operation(place)).map((index) => `${name} ${index}`),
    );
    assert.deepEqual([...new Set(whole)].sort(), Object.keys(READ_WHOLE).sort());
  } finally {
    place.remove();
  }
});
