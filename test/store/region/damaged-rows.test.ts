// Damaged rows of racks, of the ledger of power commands and of boot images: each keeps only its own rack, machine or image out, is reported with
// its table and key, and is used again after a repair. The readers of other tables name the row.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { UnreadableEntry } from '../../../src/power/ledger.ts';
import type { BootTable } from '../../../src/region/records/boot-store.ts';
import { openRegion } from '../../../src/region/region.ts';
import { noteText } from '../../../src/region/words/rack-reasons.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { fillRegion } from '../../contract/region-operations.ts';
import { makeRegion, type RegionPlace } from '../../region/place.ts';
import { OTHER_UUID, RACK_UUID, registration } from '../../region/racks/rack-place.ts';

const EVENT = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'ann' } as const;
const ON = { kind: 'on', netboot: true } as const;
const NEW_VERSION = `UPDATE counter SET value = value + 1 WHERE name = 'racks-version'`;

describe('damaged rows', () => {
  let place: RegionPlace;
  let reports: string[];
  let repair: string;

  beforeEach(async () => {
    place = await makeRegion();
    reports = [];
    repair = '';
    place.store.troubles.watch((outage) => void reports.push(noteText(outage)));
  });
  afterEach(async () => {
    // A test's place checks that every row can be read.
    if (repair !== '') edit(repair);
    await place.remove();
  });

  function edit(sql: string): void {
    const database = new DatabaseSync(join(place.stateDir, REGION_FILE), { defensive: false });
    database.exec('PRAGMA ignore_check_constraints = ON');
    database.exec(sql);
    database.close();
  }

  const reported = (): string => reports.join('\n');

  describe('of racks', () => {
    const uuids = async (): Promise<readonly string[]> =>
      ((await place.store.racks.look(-1))?.racks ?? []).map(({ uuid }) => uuid);
    const set = (sql: string, uuid = RACK_UUID): void =>
      edit(`UPDATE rack SET ${sql}, revision = revision || 'x' WHERE uuid = '${uuid}'; ${NEW_VERSION}`);

    beforeEach(async () => {
      const { racks } = place.region;
      for (const uuid of [RACK_UUID, OTHER_UUID]) {
        const key = { kind: 'own', token: `token of ${uuid}`, secretDigest: 'ab'.repeat(32) } as const;
        const { interfaces, ...said } = registration({ uuid, name: uuid, key });
        await racks.introduce(said, JSON.stringify(interfaces));
      }
      await racks.judge([RACK_UUID, OTHER_UUID], 'accept', 'ann', ['10.50.0.0/24']);
      repair = `UPDATE rack SET registered_ms = 1, interfaces = '[]'`;
    });

    for (const time of ['9007199254740991', '9223372036854775807']) {
      const named = /table rack with id \d+ in the region's database cannot be read \(column registered_ms/;

      test(`registered_ms = ${time}: polls and a new process continue without this rack, and have it again after a repair`, async () => {
        const { config, clock, store, region } = place;
        assert.deepEqual(await uuids(), [RACK_UUID, OTHER_UUID]);
        set(`registered_ms = ${time}`);
        // A rejection that nobody handles would fail this test.
        await clock.pass(5000);
        assert.deepEqual(
          region.racks.list().map(({ uuid }) => uuid),
          [OTHER_UUID],
        );
        assert.match(reported(), named);
        const next = await openRegion({ config, clock, store, onDesiredState: () => undefined });
        assert.deepEqual(
          next.racks.list().map(({ uuid }) => uuid),
          [OTHER_UUID],
        );
        next.close();
        edit(repair);
        await clock.pass(5000);
        assert.deepEqual(
          region.racks.list().map(({ uuid }) => uuid),
          [RACK_UUID, OTHER_UUID],
        );
      });

      test(`registered_ms = ${time}: a registration does not replace the row; other racks are changed`, async () => {
        set(`registered_ms = ${time}`);
        await place.region.racks.refresh();
        const { interfaces, ...said } = registration();
        await assert.rejects(place.region.racks.introduce(said, JSON.stringify(interfaces)), {
          code: 'store-unavailable',
          message: named,
        });
        assert.equal(await place.region.racks.judge([OTHER_UUID], 'reject', 'ann'), undefined);
        edit(repair);
        const seen = await place.store.racks.look(-1);
        assert.deepEqual(
          seen?.racks.map(({ state }) => state),
          ['accepted', 'rejected'],
        );
      });
    }
  });

  describe('of racks, in other columns', () => {
    const DAMAGES = [
      ['interfaces', `'{'`, /column interfaces: a value is not JSON/],
      ['interfaces', `'{}'`, /column interfaces: a value has another form/],
      ['agreed', `'[1]'`, /column agreed: a value has another form/],
      ['disputed', `''`, /column disputed: a value is not JSON/],
      ['refused', `'null'`, /column refused: a value has another form/],
      ['pulse', `'{"life":"x"}'`, /column pulse: a value has another form/],
      ['state', `'gone'`, /column state: holds no state of a rack/],
    ] as const;
    const shown = async (): Promise<readonly string[]> =>
      ((await place.store.racks.look(-1))?.racks ?? []).map(({ uuid }) => uuid);

    beforeEach(async () => {
      for (const uuid of [RACK_UUID, OTHER_UUID]) {
        const key = { kind: 'own', token: `token of ${uuid}`, secretDigest: 'ab'.repeat(32) } as const;
        const { interfaces, ...said } = registration({ uuid, name: uuid, key });
        await place.region.racks.introduce(said, JSON.stringify(interfaces));
      }
      repair = `UPDATE rack SET interfaces = '[]', agreed = '[]', disputed = '[]', refused = '[]', pulse = NULL, state = 'pending'`;
    });

    for (const [column, value, named] of DAMAGES) {
      test(`${column} = ${value}: the row is named, and its rack is kept out until the repair`, async () => {
        edit(`UPDATE rack SET ${column} = ${value}, revision = 'x' WHERE uuid = '${RACK_UUID}'`);
        assert.deepEqual(await shown(), [OTHER_UUID]);
        assert.match(reported(), named);
        assert.match(reported(), /table rack with id \d+ in the region's database cannot be read/);
        edit(repair);
        assert.deepEqual(await shown(), [RACK_UUID, OTHER_UUID]);
      });
    }

    test('a rack without a UUID keeps only itself out', async () => {
      const columns =
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '$1', '$2') WHERE name = 'rack'";
      const allow = columns.replace('$1', 'uuid TEXT NOT NULL UNIQUE').replace('$2', 'uuid TEXT UNIQUE');
      edit(allow);
      edit(`UPDATE rack SET uuid = NULL WHERE uuid = '${RACK_UUID}'; ${NEW_VERSION}`);
      repair = `UPDATE rack SET uuid = '${RACK_UUID}' WHERE uuid IS NULL`;
      await place.clock.pass(5000);
      assert.deepEqual(await shown(), [OTHER_UUID]);
      assert.match(reported(), /table rack with id \d+ in the region's database cannot be read \(column uuid/);
      edit(repair);
      edit(columns.replace('$1', 'uuid TEXT UNIQUE').replace('$2', 'uuid TEXT NOT NULL UNIQUE'));
      assert.deepEqual(await shown(), [RACK_UUID, OTHER_UUID]);
    });
  });

  describe('of power commands', () => {
    const DAMAGES = [
      ['command', `command = '{'`, /table power_command with id a\/1 .*column command: a value is not JSON/],
      ['command of another form', `command = 'null'`, /id a\/1 .*column command: a value has another form/],
      ['command of another kind', `command = '{"kind":"query"}'`, /id a\/1 .*column command: a value has another form/],
      ['time', 'begun_ms = 9007199254740991', /id a\/1 .*column begun_ms holds no time/],
      ['large number', 'begun_ms = 9223372036854775807', /id a\/1 .*column begun_ms/],
    ] as const;

    beforeEach(async () => {
      for (const machine of ['a', 'b']) {
        await place.store.power.begin({ id: `${machine}/1`, machine, command: ON, begunAtMs: 1 });
      }
      repair = `UPDATE power_command SET command = '{"kind":"on","netboot":true}', begun_ms = 1`;
    });

    const begin = (id: string, machine: string) => place.store.power.begin({ id, machine, command: ON, begunAtMs: 2 });

    for (const [title, sql, named] of DAMAGES) {
      test(`${title}: other commands are found and begun; the machine's are held back until the row is repaired`, async () => {
        edit(`UPDATE power_command SET ${sql} WHERE id = 'a/1'`);
        const unended = async () => (await place.store.power.listUnended()).map(({ id }) => id);
        assert.deepEqual(await unended(), ['b/1']);
        assert.match(reported(), named);
        for (const id of ['a/1', 'a/2']) {
          await assert.rejects(begin(id, 'a'), (error) => {
            assert.ok(error instanceof UnreadableEntry);
            assert.match(error.message, named);
            return true;
          });
        }
        assert.equal(await begin('c/1', 'c'), undefined);
        edit(repair);
        assert.deepEqual(await unended(), ['a/1', 'b/1', 'c/1']);
        assert.equal((await begin('a/1', 'a'))?.end, undefined);
        assert.equal(await begin('a/2', 'a'), undefined);
      });
    }

    for (const outcome of [
      'null',
      '{',
      '{"kind":"done"}',
      '{"kind":"done","state":"on","detail":{"code":"complaint"}}',
    ]) {
      test(`the outcome ${outcome} is no end`, async () => {
        edit(`UPDATE power_command SET ended_ms = 3, outcome = '${outcome}' WHERE id = 'a/1'`);
        repair = `DELETE FROM power_command WHERE id = 'a/1'`;
        await assert.rejects(begin('a/1', 'a'), { code: 'store-unavailable', message: /id a\/1 .*column outcome: / });
        assert.equal(await begin('b/2', 'b'), undefined);
      });
    }
  });

  describe('of boot images', () => {
    const selection = { os: 'ubuntu', arches: ['*'], subarches: ['*'], labels: ['*'] } as const;
    const progress = { state: 'done', source: 's', title: '', bytes: 1 } as const;

    beforeEach(async () => {
      const { boot } = place.store;
      for (const url of ['http://a/', 'http://b/'])
        await boot.addSource({ url, keyringFilename: '/k', keyring: new Uint8Array(), updatedMs: 1 }, EVENT);
      for (const release of ['jammy', 'noble']) await boot.addSelection(1, { ...selection, release }, EVENT);
      await boot.noteProgress(new Map(['a', 'b'].map((name) => [name, progress])), 1);
    });

    const listed = async (table: BootTable): Promise<readonly number[]> => {
      const { boot } = place.store;
      const rows = {
        boot_source: boot.listSources,
        boot_selection: boot.listSelections,
        boot_resource: boot.listResources,
      };
      return (await rows[table]()).map(({ id }) => id);
    };
    const DAMAGES: readonly (readonly [table: BootTable, column: string, damaged: string, whole: string])[] = [
      ['boot_source', 'created_ms', '9007199254740991', '1'],
      ['boot_selection', 'arches', `'{'`, `'["*"]'`],
      ['boot_selection', 'labels', `'{"a":1}'`, `'["*"]'`],
      ['boot_resource', 'progress', `'{"state":"lost"}'`, 'NULL'],
      ['boot_resource', 'progress', `'{'`, 'NULL'],
      ['boot_resource', 'wish', `'gone'`, `'import'`],
    ];

    for (const [table, column, damaged, whole] of DAMAGES) {
      test(`${table}.${column} = ${damaged}: the lists have all others, and a request about the row names it`, async () => {
        const named = new RegExp(
          `table ${table} with id 1 in the region's database cannot be read \\(column ${column}`,
        );
        edit(`UPDATE ${table} SET ${column} = ${damaged} WHERE id = 1`);
        repair = `UPDATE ${table} SET ${column} = ${whole} WHERE id = 1`;
        assert.deepEqual(await listed(table), [2]);
        assert.match(reported(), named);
        await assert.rejects(place.store.boot.check(table, 1), { code: 'store-unavailable', message: named });
        await place.store.boot.check(table, 2);
        await place.store.boot.check(table, 3);
        edit(repair);
        assert.deepEqual(await listed(table), [1, 2]);
      });
    }

    for (const run of ['{', 'null', '{"begunMs":"x"}'])
      test(`the run ${run}: the error names the row and its remedy, lists continue, and the row may be deleted`, async () => {
        const { boot } = place.store;
        await boot.changeRun({ askedMs: 1 });
        edit(`UPDATE boot_run SET run = '${run}'`);
        const named = /table boot_run with id 1 .*\(column run: .*\): repair or delete it$/;
        for (const work of [() => boot.findRun(), () => boot.changeRun({ askedMs: 2 })])
          await assert.rejects(work(), { code: 'store-unavailable', message: named });
        assert.match(reported(), named);
        assert.deepEqual(await listed('boot_resource'), [1, 2]);
        edit('DELETE FROM boot_run');
        await boot.changeRun({ askedMs: 3 });
        assert.equal((await boot.findRun()).askedMs, 3);
      });

    test('the progress of an import replaces a damaged one', async () => {
      edit(`UPDATE boot_resource SET progress = '{' WHERE name = 'a'`);
      await place.store.boot.noteProgress(new Map([['a', progress]]), 2);
      assert.deepEqual(await listed('boot_resource'), [1, 2]);
    });
  });

  describe('of other tables', () => {
    const TIME = '9007199254740991';
    const READS: readonly (readonly [title: string, sql: string, read: () => Promise<unknown>, named: RegExp])[] = [
      [
        'an SSH key',
        `ssh_key SET created_ms = ${TIME}`,
        () => place.store.life.listSshKeys('ann'),
        /table ssh_key with id 1 /,
      ],
      [
        'a key of a machine',
        `machine_key SET created_ms = ${TIME}`,
        () => place.store.life.machineKey('m00000'),
        /table machine_key with system_id m00000 /,
      ],
      [
        'a debug login',
        `debug_login SET opened_ms = ${TIME}`,
        () => place.store.logins.findDebug('m00000'),
        /table debug_login with machine_id 1 /,
      ],
      [
        'a session',
        `session SET begun_ms = ${TIME}`,
        () => place.store.sessions.find('d'),
        /table session with account_id 1 .*begun_ms/,
      ],
    ];

    for (const [title, sql, read, named] of READS) {
      test(`${title}: the error names the row`, async () => {
        const { store } = place;
        await fillRegion(store, 2);
        await store.life.addSshKey({ username: 'ann', key: 'k', createdMs: 1 }, 9, EVENT);
        const key = { consumerKey: 'c', tokenKey: 't', tokenSecret: 's', createdMs: 1 };
        await store.life.keepMachineKey({ ...key, systemId: 'm00000' });
        const login = { username: 'ann', openedMs: 1, expiresMs: 2, tokenDigest: undefined, hostKey: '' };
        await store.logins.openDebug('m00000', login, EVENT);
        const session = { digest: 'd', passwordDigest: 'p', begunMs: 1, usedMs: 1, notice: '' };
        await store.sessions.open('ann', session, 9, 0);
        await read();
        const [table = '', column = ''] = sql.split(/ SET | = /);
        repair = `UPDATE ${table} SET ${column} = 1`;
        edit(`UPDATE ${sql}`);
        await assert.rejects(read(), { code: 'store-unavailable', message: named });
        assert.match(reported(), named);
      });
    }

    for (const [column, value, why] of [
      ['at_ms', TIME, 'column at_ms'],
      ['params', `'[]'`, 'a value has another form'],
      ['params', `'{"text":1}'`, 'a value has another form'],
    ] as const)
      test(`a conflict with ${column} = ${value} is left out, and the others are listed`, async () => {
        const { store } = place;
        await fillRegion(store, 3);
        for (const other of [2, 3])
          edit(`INSERT INTO machine_pair VALUES (1, ${other}, 'conflict', 'rack', '{"text":"x"}', 1, 1)`);
        repair = `UPDATE machine_pair SET at_ms = 1, params = '{"text":"x"}'`;
        edit(`UPDATE machine_pair SET ${column} = ${value} WHERE high_id = 2`);
        assert.deepEqual(
          (await store.listConflicts(9)).map(({ otherId }) => otherId),
          ['m00002'],
        );
        assert.match(reported(), /table machine_pair with low_id 1 /);
        assert.ok(reported().includes(why), reported());
      });
  });
});
