// A damaged row of one machine: every list has the other machines, racks keep the machine's names and addresses, whoever needs it is told the
// table, the row and the column, and a repair is noticed without a restart.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseStateText } from '../../../src/machines/desired-state.ts';
import { formatMac, mac, parseIpv4 } from '../../../src/net/address.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openRegion } from '../../../src/region/region.ts';
import { noteText } from '../../../src/region/words/rack-reasons.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { fillRegion } from '../../contract/region-operations.ts';
import { makeRegion, type RegionPlace } from '../../region/place.ts';
import { acceptRack, RACK_UUID, rackInterface } from '../../region/racks/rack-place.ts';

const MACHINES = 7;
/** In the order of ids, two that follow each other. */
const DAMAGED = ['m00002', 'm00003'];
const OTHERS = ['m00000', 'm00001', 'm00004', 'm00005', 'm00006'];
const LATER = ', desired_version = (SELECT max(desired_version) + 1 FROM machine)';

/** Each damage, and the row as an error names it. */
const DAMAGES: readonly (readonly [title: string, sql: string, named: RegExp])[] = [
  ['a status', `status = 99${LATER}`, /table machine with id \d .*column status: there is no status 99/],
  ['facts', `facts = '{'${LATER}`, /table machine with id \d .*column facts: a value is not JSON/],
  ['work', `work = 'null'${LATER}`, /table machine with id \d .*column work: its work is not an object/],
  ['its newest runs', `runs = '{"testing":{}}'${LATER}`, /table machine with id \d .*column runs: /],
  ['a layout', `layout = '{"next":0}'${LATER}`, /table machine with id \d .*column layout: /],
  ['power parameters', `power_parameters = '{'${LATER}`, /table machine with id \d .*column power_parameters: /],
  ['owner data', `owner_data = '{'${LATER}`, /table machine with id \d .*column owner_data: /],
  ['a UUID', `uuid = 'not-a-uuid'${LATER}`, /table machine with id \d .*column uuid: holds no UUID/],
  ['a home', `home = -5${LATER}`, /table machine with id \d .*column home: holds no IPv4 address/],
  ['a token', `boot_token = 'short'${LATER}`, /table machine with id \d .*column boot_token: holds no boot token/],
  [
    'a text',
    `architecture = '${'x'.repeat(5000)}'${LATER}`,
    /id \d .*column architecture: holds a text that is too long/,
  ],
  ['a time', `created_ms = 9007199254740991${LATER}`, /table machine with id \d .*column created_ms holds no time/],
];

describe('a machine with a damaged row', () => {
  let place: RegionPlace;
  let reports: string[];

  beforeEach(async () => {
    place = await makeRegion();
    await fillRegion(place.store, MACHINES);
    const fields = { status: 'deploying', powerTask: 'on', statusDeadlineMs: 1 } as const;
    await place.store.changeMachines<never>([...DAMAGED, ...OTHERS], 1, () => ({ kind: 'change', fields, events: [] }));
    reports = [];
    place.store.troubles.watch((outage) => void reports.push(noteText(outage)));
  });
  afterEach(async () => {
    // A test's place checks that every row can be read.
    edit(`DELETE FROM machine WHERE system_id IN ('${DAMAGED.join("', '")}')`);
    await place.remove();
  });

  function edit(sql: string): void {
    const database = new DatabaseSync(join(place.stateDir, REGION_FILE));
    database.exec('PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = ON');
    database.exec(sql);
    database.close();
  }

  const damage = (set: string): void =>
    edit(`UPDATE machine SET ${set} WHERE system_id IN ('${DAMAGED.join("', '")}')`);

  const ids = (machines: readonly { readonly systemId: string }[]): readonly string[] =>
    machines.map(({ systemId }) => systemId).sort();
  const listed = async (store: RegionStore): Promise<Readonly<Record<string, readonly string[]>>> => ({
    all: ids(await store.listMachines({}, 0, 100)),
    named: ids(await store.listMachines({ systemIds: [...DAMAGED, ...OTHERS] }, 0, 100)),
    power: ids(await store.listPowerTasks(0, 100)),
    overdue: ids(await store.listOverdue(2, 100)),
  });

  for (const [title, set, named] of DAMAGES) {
    test(`${title}: lists have the others, a report names the row, and a caller that needs the machine gets an error`, async () => {
      damage(set);
      assert.deepEqual(await listed(place.store), { all: OTHERS, named: OTHERS, power: OTHERS, overdue: OTHERS });
      assert.match(reports.join('\n'), named);
      await assert.rejects(place.store.findMachine('m00002'), { code: 'store-unavailable', message: named });
      await assert.rejects(place.store.listMachines({}, 0, 100, true), { code: 'store-unavailable', message: named });
    });
  }

  test('pages of a list leave out nothing else, however small they are', async () => {
    damage('status = 99');
    for (const limit of [1, 2, 3]) {
      const found: string[] = [];
      for (let afterId = 0; ; ) {
        const machines = await place.store.listMachines({}, afterId, limit);
        found.push(...ids(machines));
        const last = machines.at(-1);
        if (last === undefined || machines.length < limit) break;
        afterId = last.id;
      }
      assert.deepEqual(found, OTHERS, `${limit} at a time`);
    }
  });

  test('damaged machines take no place from other overdue ones', async () => {
    damage('status = 99, status_deadline_ms = 0');
    assert.deepEqual(ids(await place.store.listOverdue(2, 2)), OTHERS.slice(0, 2));
    assert.deepEqual(ids(await place.store.listOverdue(2, 5)), OTHERS);
  });

  test('a batch of reports about a machine whose home cannot be read is stored, and no rack may vouch for its boot', async () => {
    await acceptRack(place.region, { interfaces: [rackInterface('10.60.0.0/24')] });
    damage(`home = -5${LATER}`);
    const [bad, good] = ['m00002', 'm00004'].map((systemId) => mac(0x525400000000 + Number(systemId.slice(1))));
    assert.ok(bad !== undefined && good !== undefined);
    const batch = [bad, good].map((one, index) => ({
      kind: 'dhcp.ack',
      at: 1,
      text: '',
      sequence: index,
      source: 's',
      mac: formatMac(one),
      address: `10.60.0.${7 + index}`,
    }));
    assert.equal(await place.region.observe(batch, 's', RACK_UUID), 2);
    assert.match(reports.join('\n'), /table machine with \w+ \w+ .*column home/);
    const { homes } = place.region.racks;
    assert.deepEqual(
      [await homes.mayVouch(RACK_UUID, bad), await homes.mayVouch(RACK_UUID, mac(0x52540000ffff))],
      [false, true],
    );
    damage('home = NULL');
    const found = await place.store.findMachine('m00002');
    assert.ok(!found?.interfaces.some(({ address }) => address === parseIpv4('10.60.0.7')));
  });

  test('a region starts; racks get the machine with its names, to boot its own disk, and as it is after a repair', async () => {
    damage(`status = 99${LATER}`);
    const { config, clock, store } = place;
    const region = await openRegion({ config, clock, store, onDesiredState: () => undefined });
    try {
      const before = await region.desiredState();
      assert.deepEqual(ids(before.machines), [...DAMAGED, ...OTHERS].sort());
      const shown = before.machines.find(({ systemId }) => systemId === 'm00002');
      assert.equal(shown?.purpose, 'local');
      assert.ok(shown.macs.length > 0);
      assert.notEqual(shown.hostname, '');
      assert.equal(shown.bootToken, undefined);
      const asked = { ifNoneMatch: undefined, takesChanges: false };
      const { tag } = await region.stateUpdate('11111111-2222-4333-8444-000000000000', asked);
      damage('status = 9');
      const after = await region.stateUpdate('11111111-2222-4333-8444-000000000000', { ...asked, ifNoneMatch: tag });
      assert.equal(after.kind, 'state');
      const repaired = (await region.desiredState()).machines.find(({ systemId }) => systemId === 'm00002');
      assert.equal(repaired?.purpose, 'install');
    } finally {
      region.close();
    }
  });

  const UNFIT = [
    [`UPDATE machine SET uuid = 'not-a-uuid'${LATER}`, 'UPDATE machine SET uuid = NULL'],
    [`UPDATE machine SET architecture = '${'x'.repeat(5000)}'${LATER}`, `UPDATE machine SET architecture = 'amd64'`],
    [`UPDATE machine SET hostname = '${'x'.repeat(5000)}'${LATER}`, `UPDATE machine SET hostname = 'one'`],
    [`UPDATE machine SET home = -5${LATER}`, 'UPDATE machine SET home = NULL'],
    [`UPDATE machine SET boot_token = 'short'${LATER}`, 'UPDATE machine SET boot_token = NULL'],
    ['UPDATE interface SET mac = -5', 'UPDATE interface SET mac = 6'],
    ['UPDATE interface SET address = 4294967296', 'UPDATE interface SET address = NULL'],
  ] as const;
  for (const [harm, repair] of UNFIT) {
    test(`${harm.slice(0, 50)}: racks accept the state, and get the machine whole after a repair`, async () => {
      const ofOne = harm.startsWith('UPDATE machine')
        ? `system_id = 'm00002'`
        : `id = (SELECT max(id) FROM interface WHERE machine_id = (SELECT id FROM machine WHERE system_id = 'm00002'))`;
      edit(`${harm} WHERE ${ofOne}`);
      const { config, clock, store } = place;
      const region = await openRegion({ config, clock, store, onDesiredState: () => undefined });
      const damaged = async (): Promise<readonly string[]> =>
        (await store.listMachinesForRacks(0, 0, 100)).flatMap(({ isDamaged, systemId }) =>
          isDamaged ? [systemId] : [],
        );
      try {
        const before = parseStateText(JSON.stringify(await region.desiredState()), undefined);
        assert.deepEqual(before.ok ? await damaged() : before, ['m00002']);
        edit(`${repair} WHERE ${ofOne}`);
        const asked = { ifNoneMatch: undefined, takesChanges: false };
        await region.stateUpdate('11111111-2222-4333-8444-000000000000', asked);
        const repaired = (await region.desiredState()).machines.find(({ systemId }) => systemId === 'm00002');
        assert.deepEqual([repaired?.purpose, await damaged()], ['install', []]);
      } finally {
        region.close();
      }
    });
  }

  test('an error of a report about a damaged interface names the row', async () => {
    edit(`UPDATE interface SET seen_ms = 9007199254740991 WHERE mac = ${0x525400000002}`);
    const one = { kind: 'dhcp.ack', at: 1, text: '', sequence: 0, mac: '52:54:00:00:00:02', address: '10.60.0.7' };
    await assert.rejects(place.region.observe([one], 's', RACK_UUID), {
      code: 'store-unavailable',
      message: /table interface with machine_id \d+ .*column seen_ms holds no time/,
    });
  });

  test('a damaged interface harms only its own machine', async () => {
    const ofOne = `machine_id = (SELECT id FROM machine WHERE system_id = 'm00002')`;
    edit(`UPDATE interface SET ended_ms = 9007199254740991 WHERE ${ofOne}`);
    const all = ids(await place.store.listMachines({}, 0, 100));
    assert.deepEqual(all, [...OTHERS, 'm00003'].sort());
    assert.match(reports.join('\n'), /table interface with id \d+ .*column ended_ms holds no time/);
    const racks = await place.store.listMachinesForRacks(0, 0, 100);
    assert.deepEqual(
      racks.flatMap(({ isDamaged, systemId }) => (isDamaged === true ? [systemId] : [])),
      ['m00002'],
    );
  });
});
