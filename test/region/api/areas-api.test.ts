// Zones and pools over the API, as MAAS's clients see them, with the machines and racks in them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import { assertStatus } from '../../support/answered.ts';
import { type Ask, withAskedApi } from '../asked-api.ts';
import { enlist, type RegionPlace, report } from '../place.ts';
import { acceptRack, RACK_UUID } from '../racks/rack-place.ts';

async function machine({ region, store }: RegionPlace, last: number, status: MachineStatus = 'ready') {
  const { systemId } = await enlist(region, report([0x525400000000 + last]));
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status }, events: [] }));
  return systemId;
}

const withHall = (work: (ask: Ask, place: RegionPlace) => Promise<void>) =>
  withAskedApi(async ({ ask, place }) => {
    await assertStatus(ask('POST', '2.0/zones/', { name: 'hall', description: 'Hall 1' }), 200);
    await assertStatus(ask('POST', '2.0/resourcepools/', { name: 'lab' }), 200);
    await work(ask, place);
  });

test('a zone is created, listed, read by its name, changed and deleted, in both versions', () =>
  withAskedApi(async ({ ask }) => {
    const first = { id: 1, name: 'default', description: '', resource_uri: '/MAAS/api/2.0/zones/default/' };
    assert.deepEqual((await ask('GET', '2.0/zones/')).json, [first]);
    const hall = (await ask('POST', '2.0/zones/', { name: 'hall', description: 'Hall 1' })).json;
    assert.deepEqual(hall, { id: 2, name: 'hall', description: 'Hall 1', resource_uri: '/MAAS/api/2.0/zones/hall/' });
    assert.deepEqual((await ask('GET', '2.0/zones/')).json, [first, hall]);
    const renamed = (await ask('PUT', '1.0/zones/hall/', { name: 'hall two' })).json;
    assert.deepEqual(renamed, {
      id: 2,
      name: 'hall two',
      description: 'Hall 1',
      resource_uri: '/MAAS/api/1.0/zones/hall%20two/',
    });
    assert.deepEqual((await ask('GET', '1.0/zones/hall%20two/')).json, renamed);
    await assertStatus(ask('GET', '2.0/zones/hall/'), 404);
    await assertStatus(ask('DELETE', '2.0/zones/hall%20two/'), 204);
    await assertStatus(ask('DELETE', '2.0/zones/hall%20two/'), 404);
  }));

test('a pool has the paths of MAAS and of gomaasapi', () =>
  withAskedApi(async ({ ask }) => {
    const first = {
      id: 0,
      name: 'default',
      description: 'Default pool',
      resource_uri: '/MAAS/api/2.0/resourcepool/0/',
    };
    const lab = (await ask('POST', '2.0/pools/', { name: 'lab', description: 'x' })).json;
    assert.deepEqual((await ask('GET', '2.0/pools/')).json, [first, lab]);
    assert.deepEqual((await ask('GET', '2.0/resourcepools/')).json, [first, lab]);
    assert.deepEqual((await ask('GET', `2.0/resourcepool/${lab.id}/`)).json, lab);
    assert.deepEqual((await ask('PUT', `2.0/pools/${lab.id}/`, { description: 'y' })).json, {
      ...lab,
      description: 'y',
    });
    await assertStatus(ask('DELETE', `2.0/resourcepool/${lab.id}/`), 204);
    assert.deepEqual((await ask('GET', '2.0/pools/')).json, [first]);
  }));

test('a pool is found by its id or its name, and the id comes first', () =>
  withHall(async (ask) => {
    const [first, lab] = (await ask('GET', '2.0/resourcepools/')).json;
    for (const path of ['resourcepool', 'pools']) {
      assert.deepEqual((await ask('GET', `2.0/${path}/default/`)).json, first);
      assert.deepEqual((await ask('GET', `2.0/${path}/lab/`)).json, lab);
      await assertStatus(ask('GET', `2.0/${path}/hall/`), 404);
    }
    const number = (await ask('POST', '2.0/resourcepools/', { name: '0' })).json;
    assert.deepEqual((await ask('GET', '2.0/resourcepool/0/')).json, first);
    assert.deepEqual((await ask('GET', `2.0/resourcepool/${number.id}/`)).json, number);
    assert.equal((await ask('PUT', '2.0/resourcepool/default/', { description: 'Of all' })).json.description, 'Of all');
    assert.equal((await ask('PUT', '2.0/resourcepool/lab/', { name: 'lab two' })).json.id, lab.id);
    await assertStatus(ask('DELETE', '2.0/resourcepool/lab%20two/'), 204);
    await assertStatus(ask('GET', `2.0/resourcepool/${lab.id}/`), 404);
  }));

test('the default zone and pool keep their names, and bad names are refused with the field', () =>
  withHall(async (ask) => {
    for (const [method, path] of [
      ['PUT', '2.0/zones/default/'],
      ['DELETE', '2.0/zones/default/'],
      ['PUT', '2.0/resourcepool/0/'],
      ['DELETE', '2.0/pools/0/'],
    ] as const) {
      const { status, text } = await ask(method, path, { name: 'x' });
      assert.deepEqual(
        [status, /The default (?:zone|pool) cannot be renamed or deleted/.test(text)],
        [400, true],
        path,
      );
    }
    for (const name of ['', ' x', 'a/b', 'x'.repeat(65), 'hall', 'default']) {
      const { status, json } = await ask('POST', '2.0/zones/', { name });
      assert.deepEqual([status, Object.keys(json)], [400, ['name']], name);
    }
    assert.deepEqual((await ask('POST', '2.0/zones/')).json, { name: ['This field is required.'] });
  }));

test('the default zone and pool keep a description, and everything in them shows it', () =>
  withHall(async (ask, place) => {
    const id = await machine(place, 1);
    await acceptRack(place.region);
    const device = (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:77' })).json.system_id;
    const of = async (path: string, kind: 'zone' | 'pool') => (await ask('GET', path)).json[kind].description;
    assert.equal((await ask('GET', '2.0/machines/')).json[0].pool.description, 'Default pool');
    const zone = { id: 1, name: 'default', description: 'Hall 1', resource_uri: '/MAAS/api/2.0/zones/default/' };
    const kept = await ask('PUT', '2.0/zones/default/', { description: ' Hall 1\n' });
    assert.deepEqual([kept.status, kept.json], [200, zone]);
    assert.deepEqual((await ask('PUT', '2.0/zones/default/', { name: 'default' })).json, zone);
    const pool = (await ask('PUT', '2.0/resourcepool/0/', { description: 'Of everybody' })).json;
    assert.deepEqual([pool.id, pool.name, pool.description], [0, 'default', 'Of everybody']);
    const old = { ...zone, resource_uri: '/MAAS/api/1.0/zones/default/' };
    assert.deepEqual((await ask('GET', '2.0/zones/default/')).json, zone);
    assert.deepEqual((await ask('GET', '1.0/zones/default/')).json, old);
    assert.deepEqual((await ask('GET', '2.0/zones/')).json[0], zone);
    for (const path of ['2.0/pools/', '2.0/resourcepools/']) assert.deepEqual((await ask('GET', path)).json[0], pool);
    assert.deepEqual((await ask('GET', '2.0/pools/0/')).json, pool);
    const [listed] = (await ask('GET', '2.0/machines/')).json;
    assert.deepEqual([listed.zone, listed.pool], [zone, pool]);
    assert.deepEqual((await ask('GET', `1.0/nodes/${id}/`)).json.zone, old);
    for (const path of [`2.0/machines/${id}/`, `2.0/devices/${device}/`])
      assert.deepEqual([await of(path, 'zone'), await of(path, 'pool')], ['Hall 1', 'Of everybody'], path);
    for (const path of ['rackcontrollers', 'regioncontrollers'])
      assert.equal((await ask('GET', `2.0/${path}/`)).json[0].zone.description, 'Hall 1', path);
    assert.equal((await ask('PUT', '1.0/zones/default/', { description: '' })).json.description, '');
    await assertStatus(ask('PUT', '2.0/zones/default/', { description: 'x' }, 'alice'), 403);
    const long = await ask('PUT', '2.0/pools/0/', { description: 'x'.repeat(1001) });
    assert.deepEqual([long.status, Object.keys(long.json)], [400, ['description']]);
    assert.deepEqual((await ask('GET', '2.0/pools/0/')).json, pool);
  }));

test('a description of the default zone or pool in the file of the region wins, and the refusal names the file', () => {
  const text = 'Of\nthe file';
  const values = { region: { default_zone_description: `${text}\n`, default_pool_description: text } };
  return withAskedApi(
    async ({ ask }) => {
      for (const path of ['2.0/zones/default/', '2.0/resourcepool/0/']) {
        assert.equal((await ask('GET', path)).json.description, text);
        const refused = await ask('PUT', path, { description: 'x' });
        assert.deepEqual([refused.status, refused.text.includes('/etc/region.yaml')], [409, true], refused.text);
        await assertStatus(ask('PUT', path, { description: text }), 200);
      }
    },
    {},
    { ownFile: { file: '/etc/region.yaml', values } },
  );
});

test('a machine is put in a zone and a pool; an unknown name is a 400 with the field, and nothing changes', () =>
  withHall(async (ask, place) => {
    const id = await machine(place, 1);
    const before = (await ask('GET', `2.0/machines/${id}/`)).json;
    assert.deepEqual([before.zone.name, before.pool.name], ['default', 'default']);
    const after = (await ask('PUT', `2.0/machines/${id}/`, { zone: 'hall', pool: 'lab' })).json;
    assert.deepEqual(Object.keys(after), Object.keys(before));
    const zone = { id: 2, name: 'hall', description: 'Hall 1', resource_uri: '/MAAS/api/2.0/zones/hall/' };
    assert.deepEqual([after.zone, after.pool.name], [zone, 'lab']);
    const listed = (await ask('GET', '2.0/machines/')).json[0];
    assert.deepEqual([listed.zone, listed.pool], [after.zone, after.pool]);
    const node = (await ask('GET', `1.0/nodes/${id}/`)).json;
    assert.deepEqual(node.zone, { ...zone, resource_uri: '/MAAS/api/1.0/zones/hall/' });
    for (const [field, text] of [
      ['zone', "No zone is called 'hal'. Did you mean hall?"],
      ['pool', "No pool is called 'hal'."],
    ] as const) {
      const { status, json } = await ask('PUT', `2.0/machines/${id}/`, { [field]: 'hal', hostname: 'other' });
      assert.deepEqual([status, json], [400, { [field]: [text] }]);
    }
    assert.equal((await ask('GET', `2.0/machines/${id}/`)).json.hostname, before.hostname);
    assert.equal((await ask('PUT', `2.0/machines/${id}/`, { zone: 'default' })).json.zone.name, 'default');
  }));

test('the machines of a deleted zone are in the default one', () =>
  withHall(async (ask, place) => {
    const id = await machine(place, 1);
    await ask('PUT', `2.0/machines/${id}/`, { zone: 'hall' });
    await assertStatus(ask('DELETE', '2.0/zones/hall/'), 204);
    assert.equal((await ask('GET', `2.0/machines/${id}/`)).json.zone.id, 1);
  }));

test('a pool is deleted once no machine and no device is in it, and the refusal names the first of them', () =>
  withHall(async (ask, place) => {
    const ids: string[] = [];
    for (let last = 1; last <= 6; last += 1) {
      ids.push(await machine(place, last));
      await ask('PUT', `2.0/machines/${ids.at(-1)}/`, { hostname: `m${last}`, pool: 'lab' });
    }
    const device = { mac_addresses: '52:54:00:00:00:77', hostname: 'tv', pool: 'lab' };
    const { system_id: deviceId } = (await ask('POST', '2.0/devices/', device)).json;
    const refused = await ask('DELETE', '2.0/resourcepool/lab/');
    assert.deepEqual([refused.status, refused.headers['x-rackboot-refusal']], [409, 'in-use']);
    assert.equal(
      refused.text,
      'The pool lab has 7 machines and devices: m1, m2, m3, m4, m5 and 2 more. ' +
        'Move them to another pool first (pool of machines/<id>/ or devices/<id>/).',
    );
    const [{ pool }] = (await ask('GET', '2.0/machines/')).json;
    assert.equal(pool.name, 'lab');
    for (const id of ids) await ask('PUT', `2.0/machines/${id}/`, { pool: 'default' });
    const last = await ask('DELETE', `2.0/pools/${pool.id}/`);
    assert.deepEqual([last.status, /has 1 machine or device: tv\. /.test(last.text)], [409, true], last.text);
    await ask('DELETE', `2.0/devices/${deviceId}/`);
    await assertStatus(ask('DELETE', '2.0/resourcepool/lab/'), 204);
    assert.equal((await ask('GET', '2.0/resourcepool/lab/')).text, 'No pool has this id or name.');
  }));

test('set_zone moves machines and racks, all or none', () =>
  withHall(async (ask, place) => {
    const ids = [await machine(place, 1), await machine(place, 2)];
    await acceptRack(place.region);
    const wrong = await ask('POST', '2.0/nodes/?op=set_zone', { zone: 'hall', nodes: [...ids, 'nobody'] });
    assert.deepEqual([wrong.status, /nobody/.test(wrong.text)], [400, true]);
    assert.deepEqual((await ask('GET', '2.0/machines/', { zone: 'hall' })).json, []);
    await assertStatus(ask('POST', '1.0/nodes/?op=set_zone', { zone: 'hall', nodes: [...ids, RACK_UUID] }), 204);
    const inHall = (await ask('GET', '2.0/machines/', { zone: 'hall' })).json;
    assert.deepEqual(
      inHall.map((one: { system_id: string }) => one.system_id),
      ids,
    );
    assert.equal((await ask('GET', `2.0/rackcontrollers/${RACK_UUID}/`)).json.zone.name, 'hall');
    const moved = await ask('PUT', `2.0/rackcontrollers/${RACK_UUID}/`, { zone: 'default' });
    assert.equal(moved.json.zone.name, 'default');
    assert.equal((await ask('GET', '2.0/rackcontrollers/')).json[0].zone.name, 'default');
    await ask('POST', '2.0/machines/?op=set_zone', { zone: 'default', nodes: ids });
    assert.deepEqual((await ask('GET', '2.0/machines/', { zone: 'hall' })).json, []);
    const events = (await ask('GET', '2.0/events/?op=query', { level: 'AUDIT', zone: 'default' })).json.events;
    assert.ok(
      events.some(
        (event: { description: string }) => event.description === 'moved from the zone default to the zone hall',
      ),
    );
  }));

test('a machine is allocated by its zone and its pool, and by those in which it must not be', () =>
  withHall(async (ask, place) => {
    const [one, two] = [await machine(place, 1), await machine(place, 2)];
    await ask('PUT', `2.0/machines/${one}/`, { zone: 'hall', pool: 'lab' });
    const dry = async (conditions: Readonly<Record<string, string>>) => {
      const { status, json } = await ask('POST', '2.0/machines/?op=allocate', { ...conditions, dry_run: 'true' });
      return status === 200 ? json.system_id : status === 400 ? json : status;
    };
    for (const [conditions, expected] of [
      [{ zone: 'hall' }, one],
      [{ zone: 'default' }, two],
      [{ not_in_zone: 'hall' }, two],
      [{ not_in_zone: 'hall,default' }, 409],
      [{ pool: 'lab' }, one],
      [{ pool: 'default' }, two],
      [{ not_in_pool: 'default' }, one],
      [{ zone: 'hall', not_in_pool: 'lab' }, 409],
      [{ zone: 'nowhere' }, { zone: ["No zone is called 'nowhere'."] }],
      [{ not_in_zone: 'nowhere' }, { not_in_zone: ["No zone is called 'nowhere'."] }],
      [{ pool: 'nowhere' }, { pool: ["No pool is called 'nowhere'."] }],
      [{ not_in_pool: 'nowhere' }, { not_in_pool: ["No pool is called 'nowhere'."] }],
    ] as const)
      assert.deepEqual(await dry(conditions), expected, JSON.stringify(conditions));
  }));
