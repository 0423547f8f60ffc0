// Profiles over the API, and the machines that boot them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileList } from '../../../src/config/profile-list.ts';
import { assertStatus } from '../../support/answered.ts';
import { withAskedApi } from '../asked-api.ts';
import { bootReport, enlist, type RegionPlace, report } from '../place.ts';

const TALOS = {
  name: 'talos',
  file: 'profiles/talos/vmlinuz',
  initrds: ['profiles/talos/initramfs.xz', 'cfg=https://files.example/x?y=1'],
  arguments: 'talos.platform=metal talos.config={base_url}/{hostname}',
  tags: 'k8s,edge',
  offered: 'true',
};

async function machineIn({ region, store }: RegionPlace) {
  const { systemId } = await enlist(region, report([0x525400000001]));
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
  return systemId;
}

/** The profiles as racks get them, parsed as racks parse them. */
async function sent({ region }: RegionPlace) {
  const { settings } = await region.desiredState();
  return profileList.parse(Object(settings?.boot).profiles ?? []);
}

test('a profile is added, listed, read, changed, renamed and deleted, and racks get it each time', () =>
  withAskedApi(async ({ ask, place }) => {
    const added = (await ask('POST', '2.0/profiles/', TALOS)).json;
    assert.deepEqual(added, {
      name: 'talos',
      title: 'talos',
      kind: 'kernel',
      file: TALOS.file,
      initrds: TALOS.initrds,
      arguments: TALOS.arguments,
      script: '',
      architecture: '',
      machines: [],
      tags: ['k8s', 'edge'],
      pools: [],
      except: [],
      unknown: false,
      offered: true,
      resource_uri: '/MAAS/api/2.0/profiles/talos/',
    });
    assert.deepEqual((await ask('GET', '2.0/profiles/')).json, [added]);
    assert.deepEqual((await sent(place))[0]?.tags, ['k8s', 'edge']);
    const change = { name: 'talos-1', title: 'Talos', tags: '', machines: '52:54:00:AA:00:01', offered: 'false' };
    const changed = (await ask('PUT', '2.0/profiles/talos/', change)).json;
    assert.deepEqual(changed, {
      ...added,
      name: 'talos-1',
      title: 'Talos',
      tags: [],
      machines: ['52:54:00:aa:00:01'],
      offered: false,
      resource_uri: '/MAAS/api/2.0/profiles/talos-1/',
    });
    assert.deepEqual((await ask('GET', '2.0/profiles/talos-1/')).json, changed);
    await assertStatus(ask('GET', '2.0/profiles/talos/'), 404);
    await assertStatus(ask('DELETE', '2.0/profiles/talos-1/'), 204);
    await assertStatus(ask('DELETE', '2.0/profiles/talos-1/'), 404);
    assert.deepEqual(await sent(place), []);
  }));

test('what a rack could not boot is refused under its parameter', () =>
  withAskedApi(async ({ ask }) => {
    await assertStatus(ask('POST', '2.0/profiles/', TALOS), 200);
    const cases: readonly (readonly [object, string])[] = [
      [{ file: '/etc/shadow' }, 'file'],
      [{ file: '../../etc/shadow' }, 'file'],
      [{ initrds: 'file:///etc/shadow' }, 'initrds'],
      [{ arguments: 'a={hostnam}' }, 'arguments'],
      [{ kind: 'iso' }, 'initrds'],
      [{ kind: 'floppy' }, 'kind'],
      [{ name: 'A b' }, 'name'],
    ];
    for (const [change, field] of cases) {
      const { status, json } = await ask('PUT', '2.0/profiles/talos/', { ...change });
      assert.deepEqual([status, Object.keys(json).includes(field)], [400, true], JSON.stringify([change, json]));
    }
    await assertStatus(ask('POST', '2.0/profiles/', TALOS), 400);
  }));

test('only administrators change profiles, and every user reads them', () =>
  withAskedApi(async ({ ask }) => {
    await assertStatus(ask('POST', '2.0/profiles/', TALOS), 200);
    await assertStatus(ask('GET', '2.0/profiles/', {}, 'bob'), 200);
    await assertStatus(ask('POST', '2.0/profiles/', { ...TALOS, name: 'b' }, 'bob'), 403);
    await assertStatus(ask('DELETE', '2.0/profiles/talos/', {}, 'bob'), 403);
  }));

test('a machine boots a profile by name, leaves that of its tag, and is then deployed', () =>
  withAskedApi(async ({ ask, place }) => {
    const systemId = await machineIn(place);
    const at = `2.0/machines/${systemId}/`;
    for (const name of ['a', 'b']) await assertStatus(ask('POST', '2.0/profiles/', { name, file: 'x' }), 200);
    await assertStatus(ask('POST', `${at}?op=boot_profile`, { profile: 'c' }), 400);
    for (const profile of ['a', 'b']) await assertStatus(ask('POST', `${at}?op=boot_profile`, { profile }), 200);
    const machines = async () => (await sent(place)).map((profile) => profile.machines);
    assert.deepEqual(await machines(), [[], [systemId]]);

    const refused = await ask('POST', `${at}?op=deploy`, {});
    assert.deepEqual([refused.status, refused.refusal], [409, 'boots-profile']);

    await ask('POST', '2.0/tags/', { name: 'gpu' });
    await assertStatus(ask('POST', '2.0/tags/gpu/?op=update_nodes', { add: systemId }), 200);
    await assertStatus(ask('PUT', '2.0/profiles/a/', { tags: 'gpu' }), 200);
    await assertStatus(ask('POST', `${at}?op=leave_profile`), 200);
    assert.deepEqual(await machines(), [[], []]);
    assert.deepEqual((await sent(place))[0]?.except, [systemId]);
    assert.notEqual((await ask('POST', `${at}?op=deploy`, {})).refusal, 'boots-profile');
    // Bound again, it is no exception any more.
    await assertStatus(ask('POST', `${at}?op=boot_profile`, { profile: 'a' }), 200);
    assert.deepEqual((await sent(place))[0]?.except, []);
  }));

test('no host takes the system id of a machine as its name, so nobody comes into its profile or ends it', () =>
  withAskedApi(async ({ ask, place }) => {
    const systemId = await machineIn(place);
    const device = { hostname: systemId, mac_addresses: '52:54:00:00:00:02' };
    for (const user of ['bob', 'admin'] as const) {
      const { status, json } = await ask('POST', '2.0/devices/', device, user);
      assert.deepEqual([status, Object.keys(json)], [400, ['hostname']]);
    }
    const other = await enlist(place.region, report([0x525400000003], { hostname: systemId }));
    assert.notEqual(other.hostname, systemId);
    await assertStatus(ask('PUT', `2.0/machines/${other.systemId}/`, { hostname: systemId }), 400);
  }));

test('a machine that named itself neither boots the profile of its name nor takes the name out of it', () =>
  withAskedApi(async ({ ask, place }) => {
    const { systemId } = await enlist(place.region, report([0x525400000003], { hostname: 'future-db' }));
    await place.region.enlist(bootReport([0x525400000003]));
    for (const [name, machines] of [
      ['a', 'future-db'],
      ['b', ''],
    ])
      await assertStatus(ask('POST', '2.0/profiles/', { name, file: 'x', machines }), 200);
    const at = `2.0/machines/${systemId}/`;
    const state = async () => [
      (await ask('GET', at)).json.boot_profile,
      ...(await sent(place)).map(({ machines }) => machines),
    ];
    assert.deepEqual(await state(), ['', ['future-db'], []]);
    await assertStatus(ask('POST', `${at}?op=boot_profile`, { profile: 'b' }), 200);
    assert.deepEqual(await state(), ['b', ['future-db'], [systemId]]);
    await assertStatus(ask('POST', `${at}?op=leave_profile`), 200);
    assert.deepEqual(await state(), ['', ['future-db'], []]);
  }));

test('a machine that boots a profile says so, and is allocated only by its name', () =>
  withAskedApi(async ({ ask, place }) => {
    const systemId = await machineIn(place);
    const shown = async () => {
      const one = (await ask('GET', `2.0/machines/${systemId}/`)).json;
      const [listed] = (await ask('GET', '2.0/machines/')).json;
      return [one.boot_profile, listed.boot_profile];
    };
    const allocated = async (given: object) => (await ask('POST', '2.0/machines/?op=allocate', { ...given })).status;
    assert.deepEqual(await shown(), ['', '']);
    await assertStatus(ask('POST', '2.0/profiles/', { name: 'live', file: 'x', pools: 'default' }), 200);
    assert.deepEqual(await shown(), ['live', 'live']);
    assert.equal(await allocated({ dry_run: true }), 409);
    assert.equal(await allocated({ dry_run: true, system_id: systemId }), 200);
    await assertStatus(ask('POST', `2.0/machines/${systemId}/?op=leave_profile`), 200);
    assert.deepEqual(await shown(), ['', '']);
    assert.equal(await allocated({}), 200);
  }));

test('profiles follow a tag and a pool to their new names, which are then not deleted before them', () =>
  withAskedApi(async ({ ask, place }) => {
    await machineIn(place);
    await ask('POST', '2.0/tags/', { name: 'gpu' });
    await ask('POST', '2.0/tags/', { name: 'other' });
    const { id } = (await ask('POST', '2.0/pools/', { name: 'lab' })).json;
    await assertStatus(ask('POST', '2.0/profiles/', { name: 'a', file: 'x', tags: 'gpu', pools: 'lab' }), 200);
    const named = async () => (await sent(place)).map(({ tags, pools }) => [tags, pools]);
    // A name that is taken changes neither.
    await assertStatus(ask('PUT', '2.0/tags/gpu/', { name: 'other' }), 400);
    assert.deepEqual(await named(), [[['gpu'], ['lab']]]);
    await assertStatus(ask('PUT', '2.0/tags/gpu/', { name: 'fast' }), 200);
    await assertStatus(ask('PUT', `2.0/pools/${id}/`, { name: 'hall' }), 200);
    assert.deepEqual(await named(), [[['fast'], ['hall']]]);
    for (const path of ['2.0/tags/fast/', `2.0/pools/${id}/`]) {
      const { status, refusal } = await ask('DELETE', path);
      assert.deepEqual([status, refusal], [409, 'in-use'], path);
    }
    await assertStatus(ask('PUT', '2.0/profiles/a/', { tags: '', pools: '' }), 200);
    for (const path of ['2.0/tags/fast/', `2.0/pools/${id}/`]) await assertStatus(ask('DELETE', path), 204);
  }));

test('racks know the tags and the pool of a machine, also after they were renamed', () =>
  withAskedApi(async ({ ask, place }) => {
    const systemId = await machineIn(place);
    const known = async () => {
      const [machine] = (await place.region.desiredState()).machines;
      return [machine?.tags, machine?.pool];
    };
    assert.deepEqual(await known(), [undefined, undefined]);
    await ask('POST', '2.0/tags/', { name: 'gpu' });
    await ask('POST', '2.0/tags/gpu/?op=update_nodes', { add: systemId });
    const { id } = (await ask('POST', '2.0/pools/', { name: 'lab' })).json;
    await assertStatus(ask('PUT', `2.0/machines/${systemId}/`, { pool: 'lab' }), 200);
    assert.deepEqual(await known(), [['gpu'], 'lab']);
    await ask('PUT', '2.0/tags/gpu/', { name: 'fast' });
    await ask('PUT', `2.0/pools/${id}/`, { name: 'hall' });
    assert.deepEqual(await known(), [['fast'], 'hall']);
  }));
