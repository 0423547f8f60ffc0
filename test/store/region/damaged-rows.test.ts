// Damaged rows of racks, of the ledger of power commands, of boot images, of settings and of events: each keeps only its own rack, machine, image, key or
// event out, is reported with its table and key, and is used again after a repair. The readers of other tables name the row.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { settingsRules } from '../../../src/config/settings-rules.ts';
import { formatMac } from '../../../src/net/address.ts';
import { UnreadableEntry } from '../../../src/power/ledger.ts';
import { type BootTable, NO_RUN } from '../../../src/region/records/boot-store.ts';
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
      test(`the outcome ${outcome} is not an end`, async () => {
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
      test(`the run ${run}: it is reported and counts as none, and the next change replaces it`, async () => {
        const { boot } = place.store;
        await boot.changeRun({ askedMs: 1 });
        edit(`UPDATE boot_run SET run = '${run}'`);
        assert.deepEqual(await boot.findRun(), NO_RUN);
        assert.match(reported(), /table boot_run with id 1 .*\(column run: .*\): the next import replaces it$/);
        assert.deepEqual(await listed('boot_resource'), [1, 2]);
        await boot.changeRun({ askedMs: 3 });
        assert.deepEqual(await boot.findRun(), { ...NO_RUN, askedMs: 3 });
      });

    test('progress that could not be read is not written', async () => {
      const total = 3 * Number.MAX_SAFE_INTEGER;
      const written = place.store.boot.noteProgress(new Map([['a', { ...progress, total }]]), 2);
      await assert.rejects(written, { code: 'bad-argument', message: /^the progress of a cannot be stored \(total: / });
      assert.deepEqual(await listed('boot_resource'), [1, 2]);
    });

    test('the progress of an import replaces a damaged one', async () => {
      edit(`UPDATE boot_resource SET progress = '{' WHERE name = 'a'`);
      await place.store.boot.noteProgress(new Map([['a', progress]]), 2);
      assert.deepEqual(await listed('boot_resource'), [1, 2]);
    });
  });

  describe('of settings', () => {
    const PARAMS = 'boot.kernel_params';
    const WHOLE = { boot: { kernel_params: 'quiet' }, dns: { upstream: ['192.0.2.1'] } };
    const named = (key: string): RegExp =>
      new RegExp(`table setting with key ${key} in the region's database cannot be read \\(column value: `);
    const damage = (value: string, key = PARAMS): void =>
      edit(`UPDATE setting SET value = '${value}' WHERE key = '${key}'`);

    beforeEach(async () => {
      const edits = [
        { key: PARAMS, value: 'quiet' },
        { key: 'dns.upstream', value: ['192.0.2.1'] },
      ];
      assert.equal(await place.region.settings.change('', edits, 'ann'), undefined);
      repair = `UPDATE setting SET value = '"quiet"' WHERE key = '${PARAMS}'`;
    });

    for (const value of ['{', '', '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[']) {
      test(`value = ${value}: a new process starts with the default, names the row, and has the value after a repair`, async () => {
        damage(value);
        const { config, clock, store, states } = place;
        const next = await openRegion({ config, clock, store, onDesiredState: (state) => void states.push(state) });
        try {
          assert.deepEqual((await next.desiredState()).settings, { dns: WHOLE.dns });
          assert.match(reported(), named('boot\\.kernel_params'));
          edit(repair);
          states.length = 0;
          await clock.pass(5000);
          assert.deepEqual((await next.desiredState()).settings, WHOLE);
          assert.deepEqual(states.at(-1)?.settings, WHOLE, 'the racks get it without another change');
        } finally {
          next.close();
        }
      });
    }

    test('no setting is changed meanwhile: the change names the row, which stays as it is', async () => {
      damage('{');
      await place.region.settings.load();
      for (const key of [PARAMS, 'dns.domain'])
        await assert.rejects(place.region.settings.change('', [{ key, value: 'x' }], 'ann'), {
          code: 'store-unavailable',
          message: named('boot\\.kernel_params'),
        });
      edit(repair);
      assert.equal(await place.region.settings.change('', [{ key: 'dns.domain', value: 'x' }], 'ann'), undefined);
      assert.deepEqual((await place.region.desiredState()).settings, { ...WHOLE, dns: { ...WHOLE.dns, domain: 'x' } });
    });

    test('a cluster interface without a value is refused by its rack, which continues to serve the network as before', async () => {
      const key = 'cluster_interfaces.lab';
      edit(`INSERT INTO setting (rack, key, value, position, changed_ms) VALUES ('${RACK_UUID}', '${key}', '{', 9, 1)`);
      repair = `DELETE FROM setting WHERE key = '${key}'`;
      await place.region.settings.load();
      const settings = place.region.settings.of(RACK_UUID) ?? {};
      assert.deepEqual(settings, { ...WHOLE, cluster_interfaces: [{ name: 'lab' }] });
      const problems = settingsRules(() => []).problemsOf({}, settings, false);
      assert.ok(
        problems.some(({ key: path }) => path.startsWith(key)),
        JSON.stringify(problems),
      );
      assert.match(reported(), named('cluster_interfaces\\.lab'));
    });
  });

  describe('of events', () => {
    const EVENTS = 12;
    const named = /table event with id \d+ in the region's database cannot be read \((?:column at_ms|a value)/;

    beforeEach(async () => {
      await fillRegion(place.store, 2);
      for (let index = 0; index < EVENTS; index += 1)
        await place.store.recordEvent({ ...EVENT, atMs: index + 1 }, index % 2 === 0 ? 'm00000' : undefined);
      repair = `UPDATE event SET at_ms = 1, params = '{"text":"x"}' WHERE code = 'rack'`;
    });

    const idsOf = (events: readonly { readonly id: number }[]): readonly number[] => events.map(({ id }) => id);

    for (const set of [`params = '{'`, `params = 'null'`, 'at_ms = 9007199254740991'])
      test(`${set}: each list leaves out these events alone, and still has as many as were asked for`, async () => {
        const { store } = place;
        const whole = idsOf(await store.listEvents({ limit: 1000 }));
        // The newest three, one in between, and the oldest.
        const gone = [whole[0], whole[1], whole[2], whole[6], whole.at(-1)].filter((id) => id !== undefined);
        edit(`UPDATE event SET ${set} WHERE id IN (${gone.join(', ')})`);
        const left = whole.filter((id) => !gone.includes(id));
        assert.deepEqual(idsOf(await store.listEvents({ limit: 1000 })), left);
        assert.match(reported(), named);
        for (const limit of [1, 2, 3, left.length]) {
          assert.deepEqual(idsOf(await store.listEvents({ limit })), left.slice(0, limit), `the newest ${limit}`);
          const oldest = idsOf(await store.listEvents({ limit, after: 0 }));
          assert.deepEqual(oldest, left.slice(left.length - limit), `the oldest ${limit}`);
        }
        const own = await store.listEvents({ machines: { systemIds: ['m00000'] }, limit: 1000 });
        assert.deepEqual(idsOf((await store.recentEvents(['m00000'], 1000)).get('m00000') ?? []), idsOf(own));
        const newest = [...(await store.newestEvents(['m00000', 'm00001'])).values()];
        assert.ok(newest.every(({ id }) => left.includes(id)));
        assert.equal(newest.length, 1, 'of the one whose newest event can be read');
        edit(repair);
        assert.deepEqual(idsOf(await store.listEvents({ limit: 1000 })), whole);
      });

    for (const set of [`params = '{'`, 'at_ms = 9007199254740991'])
      test(`${set}: of the unknown machines, only the one that has the event is left out`, async () => {
        const { store } = place;
        const offer = { kind: 'dhcp.offer', at: 5, text: '', params: { client: 'PXEClient' } };
        const macs = ['52:54:00:77:00:01', '52:54:00:77:00:02'];
        await store.recordReports(
          's',
          macs.map((mac, sequence) => ({ ...offer, mac, sequence })),
        );
        await store.recordReports(
          't',
          macs.map((mac, sequence) => ({ kind: 'dhcp.ack', at: 6, text: '', mac, sequence })),
        );
        const seen = async () => (await store.listStrangers(0, 9)).map(({ mac }) => formatMac(mac));
        const heard = async () => (await store.listHeard(0, 9)).map(({ mac }) => formatMac(mac));
        assert.deepEqual([await seen(), await heard()], [macs.toReversed(), macs.toReversed()]);
        edit(`UPDATE event SET ${set} WHERE kind = 'dhcp.ack' AND mac = ${0x525400770002}`);
        repair = `DELETE FROM event WHERE mac = ${0x525400770002}; UPDATE event SET params = '{"text":"x"}', code = 'rack'`;
        assert.deepEqual([await seen(), await heard()], [[macs[0]], [macs[0]]]);
        assert.match(reported(), named);
        edit(`UPDATE event SET params = '{' WHERE kind = 'dhcp.offer' AND mac = ${0x525400770001}`);
        assert.deepEqual(await heard(), [macs[0]]);
        await seen();
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
