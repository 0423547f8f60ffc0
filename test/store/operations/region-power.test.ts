// The ledger of power commands in region.db, and the ids of power tasks.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { outcome } from '../../../src/power/outcome.ts';
import { ENDED_MAX, PowerTable } from '../../../src/store/operations/region-power.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { Transactions } from '../../../src/store/sqlite/region-transactions.ts';
import { report, withRegion } from '../../region/place.ts';
import { spoken } from '../../support/sentences.ts';

const DAY_MS = 86_400_000;
const ON = { kind: 'on', netboot: true } as const;
const OFF = { kind: 'off', manner: 'soft' } as const;

async function withDirectory(work: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-power-'));
  try {
    await work(stateDir);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

test('after a restart, a started command is in the ledger without an end, and an ended one with its end', () =>
  withDirectory(async (stateDir) => {
    let store = openRegionStore({ stateDir });
    await store.power.begin({ id: 'a/1', machine: 'a', command: ON, begunAtMs: 5 });
    await store.power.begin({ id: 'b/2', machine: 'b', command: OFF, begunAtMs: 6 });
    const done = outcome('done', spoken('it said yes'), 'off');
    await store.power.end('b/2', done, 9);
    await store.close();
    store = openRegionStore({ stateDir });
    const begun = { id: 'a/1', machine: 'a', command: ON, begunAtMs: 5, end: undefined };
    assert.deepEqual(await store.power.listUnended(), [begun]);
    const again = (id: string) => store.power.begin({ id, machine: 'c', command: ON, begunAtMs: 7 });
    assert.deepEqual(await again('a/1'), begun);
    const known = await again('b/2');
    assert.deepEqual([known?.machine, known?.command, known?.begunAtMs], ['b', OFF, 6]);
    assert.deepEqual(known?.end, { atMs: 9, outcome: done });
    assert.equal(await again('c/3'), undefined, 'it begins now');
    await store.close();
  }));

test('a command is started once, and has one end', () =>
  withDirectory(async (stateDir) => {
    const store = openRegionStore({ stateDir });
    const entry = { id: 'a/1', machine: 'a', command: ON, begunAtMs: 5 };
    assert.equal(await store.power.begin(entry), undefined);
    assert.deepEqual(await store.power.begin({ ...entry, begunAtMs: 6 }), { ...entry, end: undefined });
    await store.power.end('a/1', outcome('unknown', spoken('lost')), 7);
    await store.power.end('a/1', outcome('done', spoken('late')), 8);
    assert.equal((await store.power.begin(entry))?.end?.outcome.kind, 'unknown');
    assert.deepEqual(await store.power.listUnended(), []);
    await store.close();
  }));

test('old commands are deleted, but no unended one, and none that a machine still names', () =>
  withRegion(async ({ region, store, stateDir }) => {
    const enlisted = await region.enlist(report([0x525400000001]));
    assert.ok(enlisted.kind !== 'refuse');
    const { systemId } = enlisted.machine;
    const changed = await store.changeMachine<never>(systemId, 1, () => ({
      kind: 'change',
      fields: { powerTask: 'on' },
      events: [],
    }));
    assert.ok(changed.kind === 'changed' && changed.machine.powerTaskId !== undefined);
    const named = changed.machine.powerTaskId;
    const database = new DatabaseSync(join(stateDir, 'region.db'));
    const driver = new Transactions(database, 'region.db');
    const open = (endedMax: number) => {
      const table = new PowerTable(undefined, endedMax);
      return {
        begin: (...entry: Parameters<PowerTable['begin']>) => driver.write(() => table.begin(...entry)),
        end: (...ended: Parameters<PowerTable['end']>) => driver.write(() => table.end(...ended)),
      };
    };
    const book = open(ENDED_MAX);
    const add = async (id: string, atMs: number, ends = true): Promise<void> => {
      await book.begin({ id, machine: systemId, command: ON, begunAtMs: atMs });
      if (ends) await book.end(id, outcome('done', spoken('yes')), atMs);
    };
    await add(named, 0);
    await add('unended', 0, false);
    for (let day = 0; day < 40; day += 1) await add(`day ${day}`, day * DAY_MS);
    const has = (id: string) => database.prepare('SELECT 1 FROM power_command WHERE id = ?').get(id) !== undefined;
    const count = () => database.prepare('SELECT count(*) AS n FROM power_command').get()?.n;
    assert.equal(count(), 42);
    await open(ENDED_MAX).begin({ id: 'x', machine: systemId, command: ON, begunAtMs: 40 * DAY_MS });
    assert.ok(!has('day 9'));
    assert.ok(has('day 10') && has(named) && has('unended'));
    await open(5).begin({ id: 'y', machine: systemId, command: ON, begunAtMs: 40 * DAY_MS });
    assert.ok(!has('day 34'));
    assert.ok(has('day 35') && has(named) && has('x'));
    database.close();
  }));

test('the newest ended commands are remembered up to the bound', () =>
  withDirectory(async (stateDir) => {
    await openRegionStore({ stateDir }).close();
    const database = new DatabaseSync(join(stateDir, 'region.db'));
    database.exec(`
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${ENDED_MAX + 4})
      INSERT INTO power_command (id, system_id, command, begun_ms, ended_ms, outcome)
      SELECT 'id ' || i, 'a', '{"kind":"off","manner":"soft"}', i, i, '{"kind":"done","text":"yes"}' FROM n`);
    const driver = new Transactions(database, 'region.db');
    await driver.write(() => new PowerTable().begin({ id: 'newest', machine: 'a', command: ON, begunAtMs: 0 }));
    assert.equal(database.prepare('SELECT count(*) AS n FROM power_command').get()?.n, ENDED_MAX + 1);
    const found = database.prepare("SELECT id FROM power_command WHERE id IN ('id 4', 'id 5') ORDER BY id").all();
    assert.deepEqual(
      found.map(({ id }) => id),
      ['id 5'],
    );
    database.close();
  }));

test('each power task has a unique id, even if it repeats the previous one; the id goes with the task', () =>
  withRegion(async ({ region, store }) => {
    const enlisted = await region.enlist(report([0x525400000001]));
    assert.ok(enlisted.kind !== 'refuse');
    const { systemId } = enlisted.machine;
    const names: (string | undefined)[] = [];
    for (const fields of [{ powerTask: 'on' }, { powerTask: 'on' }, {}, { powerTask: undefined }] as const) {
      const changed = await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
      names.push(changed.kind === 'changed' ? changed.machine.powerTaskId : undefined);
    }
    assert.deepEqual(names, [`${systemId}/1`, `${systemId}/2`, `${systemId}/2`, undefined]);
    assert.deepEqual(await store.listPowerTasks(0, 10), []);
    await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields: { powerTask: 'off' }, events: [] }));
    assert.deepEqual(
      (await store.listPowerTasks(0, 10)).map(({ powerTask, powerTaskId }) => [powerTask, powerTaskId]),
      [['off', `${systemId}/3`]],
    );
  }));
