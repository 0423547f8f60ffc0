// Boot images over the API as MAAS's clients see them: their fields, imports on demand, and the commands on one image.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedImage } from '../../../src/region/life/deployment.ts';
import type { ImportProgress } from '../../../src/region/records/boot-store.ts';
import type { RegionOptions } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { type Ask, withAskedApi } from '../asked-api.ts';
import type { RegionPlace } from '../place.ts';

const image = (more: Partial<ListedImage> = {}): ListedImage => ({
  os: 'ubuntu',
  release: 'noble',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260901',
  title: 'Noble',
  bytes: 100,
  sha256: 'a'.repeat(64),
  origin: { source: 'ubuntu' },
  ...more,
});
const INSTALLERS = [
  { release: 'precise04', os: 'ubuntu', title: 'Ubuntu 12.04 LTS with Linux 3.11' },
  { release: 'site', os: undefined, title: 'site' },
];
const NOBLE = 'ubuntu/noble/amd64/generic/release';
const COMING: ImportProgress = {
  state: 'downloading',
  source: 'ubuntu',
  serial: '20261015',
  title: 'Noble',
  bytes: 30,
  total: 120,
  bytesPerSecond: 10,
};

const OWN_UUID = '0f7d57ef-b0b1-4d4e-a8a5-3a5f6e0a2f11';
const OWN_RACK = { uuid: OWN_UUID, name: 'rack-1', version: '0.1.0', interfaces: [], pinned: [] };

/** @param asked counts the hints to the importing process */
async function withApi(
  images: readonly ListedImage[],
  work: (ask: Ask, place: RegionPlace, asked: { count: number }) => Promise<void>,
  more: Pick<RegionOptions, 'listStoredImages' | 'listDamagedImages'> = {},
) {
  const asked = { count: 0 };
  const ownRack = { uuid: OWN_UUID, name: 'rack-1', file: '/etc/x.yaml', values: {} };
  await withAskedApi(
    ({ ask, place }) => work(ask, place, asked),
    {
      listImages: async () => images,
      ...more,
      onImportRequested: () => {
        asked.count += 1;
      },
      listInstallers: ({ architecture }) => (architecture === 'amd64' ? INSTALLERS : []),
    },
    { ownRack },
  );
}

test('images are listed and read with MAAS’s fields, including an image whose newer version is under import', () =>
  withApi([image(), image({ os: 'custom', release: 'x', origin: undefined, title: '' })], async (ask, { store }) => {
    await store.boot.noteProgress(new Map([[NOBLE, COMING]]), 1);
    const { json: list } = await ask('GET', '2.0/boot-resources/', undefined, 'alice');
    assert.deepEqual(
      list.map((one: Record<string, unknown>) => [one.name, one.type, one.architecture, one.complete, one.progress]),
      [
        ['custom/x', 'Uploaded', 'amd64/generic', true, 100],
        ['ubuntu/noble', 'Synced', 'amd64/generic', true, 25],
      ],
    );
    const { id } = list[1];
    assert.deepEqual(list[1].import, {
      state: 'downloading',
      source: 'ubuntu',
      serial: '20261015',
      bytes: 30,
      total: 120,
      bytes_per_second: 10,
      seconds_left: 9,
      reason: null,
      next_try: null,
    });
    assert.equal(list[1].resource_uri, `/MAAS/api/2.0/boot-resources/${id}/`);
    const { sets } = (await ask('GET', `1.0/boot-resources/${id}/`)).json;
    assert.deepEqual(sets['20260901'], {
      version: '20260901',
      label: 'release',
      size: 100,
      complete: true,
      files: {
        'root-dd': { filename: 'root-dd', filetype: 'root-dd', size: 100, sha256: 'a'.repeat(64), complete: true },
      },
    });
    assert.deepEqual([sets['20261015'].complete, sets['20261015'].files['root-dd'].progress], [false, 25]);
    const names = async (type: string): Promise<readonly string[]> =>
      (await ask('GET', `2.0/boot-resources/?type=${type}`)).json.map(({ name }: { name: string }) => name);
    assert.deepEqual([await names('synced'), await names('uploaded')], [['ubuntu/noble'], ['custom/x']]);
    await assertStatus(ask('GET', '2.0/boot-resources/?type=other'), 400);
    await assertStatus(ask('GET', '2.0/boot-resources/999/'), 404);
  }));

test('a cluster lists its images with the keys of MAAS 1.7, and each is at its resource_uri', () =>
  withApi([image(), image({ os: 'custom', release: 'x', origin: undefined, title: '' })], async (ask, { region }) => {
    await region.racks.putOwn(OWN_RACK);
    const { json: list } = await ask('GET', `1.0/nodegroups/${OWN_UUID}/boot-images/`, undefined, 'alice');
    assert.deepEqual(list.map((one: Record<string, unknown>) => [one.osystem, one.release, one.purpose]).toSorted(), [
      ['custom', 'x', 'xinstall'],
      ['ubuntu', 'noble', 'xinstall'],
    ]);
    for (const one of list)
      assert.deepEqual((await ask('GET', one.resource_uri.replace('/MAAS/api/', ''))).json, one, one.release);
  }));

test('a system has all its files under MAAS’s names, with sizes and digests', () => {
  const files = [
    { name: 'boot-kernel', bytes: 10, sha256: 'b'.repeat(64) },
    { name: 'boot-initrd', bytes: 20, sha256: 'c'.repeat(64) },
    { name: 'squashfs.manifest', bytes: 3, sha256: 'd'.repeat(64) },
  ];
  return withApi([image({ system: { rootName: 'squashfs', files } })], async (ask) => {
    const { json: list } = await ask('GET', '2.0/boot-resources/');
    const { sets } = (await ask('GET', `2.0/boot-resources/${list[0].id}/`)).json;
    const file = (name: string, size: number, digit: string) => [
      name,
      { filename: name, filetype: name, size, sha256: digit.repeat(64), complete: true },
    ];
    assert.deepEqual(sets['20260901'], {
      version: '20260901',
      label: 'release',
      size: 133,
      complete: true,
      files: Object.fromEntries([
        file('squashfs', 100, 'a'),
        file('boot-kernel', 10, 'b'),
        file('boot-initrd', 20, 'c'),
        file('squashfs.manifest', 3, 'd'),
      ]),
    });
  });
});
test('an image whose import failed, or ended with its run, is tried again by the next run; a held one is not', () =>
  withApi([], async (ask, { store }) => {
    const next = async (change: Partial<ImportProgress>): Promise<unknown> => {
      await store.boot.noteProgress(new Map([[NOBLE, { ...COMING, ...change }]]), 1);
      return (await ask('GET', '2.0/boot-resources/')).json[0].import.next_try;
    };
    const atMs = Date.UTC(2026, 10, 24, 12);
    await store.boot.changeRun({ begunMs: atMs - 2000, endedMs: atMs - 1000, nextMs: atMs });
    assert.equal(await next({ state: 'failed' }), null, 'nothing selects it');
    const event = { type: 'SETTINGS', code: 'rack', params: { text: '' }, atMs: 1, username: '' } as const;
    const site = { url: 'ubuntu', why: 'a test', keyringFilename: '', keyring: new Uint8Array(), updatedMs: 1 };
    const source = await store.boot.addSource(site, event);
    assert.ok(typeof source === 'object');
    const fields = { os: 'ubuntu', release: '24.04', arches: ['*'], subarches: ['*'], labels: ['*'] };
    await store.boot.addSelection(source.id, fields, event);
    for (const state of ['failed', 'cancelled'] as const)
      assert.equal(await next({ state }), '2026-11-24T12:00:00.000Z');
    assert.equal(await next({ state: 'waiting', nextMs: atMs - 500 }), '2026-11-24T11:59:59.500Z');
    for (const state of ['done', 'queued'] as const) assert.equal(await next({ state }), null, state);
    assert.equal(await next({ state: 'failed' }), '2026-11-24T12:00:00.000Z');
    // Only on demand, or a run is under way.
    await store.boot.changeRun({ nextMs: 0 });
    assert.equal(await next({ state: 'failed' }), null);
  }));

test('an image in the store of a region without a rack is complete, although no machine boots from there', () =>
  withApi(
    [],
    async (ask, { store }) => {
      await store.boot.noteProgress(
        new Map([[NOBLE, { ...COMING, state: 'done', serial: '20260901', bytes: 120 }]]),
        1,
      );
      const { json: list } = await ask('GET', '2.0/boot-resources/', undefined, 'alice');
      assert.deepEqual([list[0].complete, list[0].progress], [true, 100]);
      const { sets } = (await ask('GET', `2.0/boot-resources/${list[0].id}/`)).json;
      assert.deepEqual([Object.keys(sets), sets['20260901'].complete], [['20260901'], true]);
    },
    { listStoredImages: async () => [image()] },
  ));

test('an image whose bytes are gone is not complete, although its import ended well', () =>
  withApi([], async (ask, { store }) => {
    const reason = { code: 'present', params: { serial: '20260901' } } as const;
    await store.boot.noteProgress(new Map([[NOBLE, { ...COMING, state: 'done', bytes: 120, reason }]]), 1);
    const { json: list } = await ask('GET', '2.0/boot-resources/', undefined, 'alice');
    assert.deepEqual([list[0].complete, list[0].progress, list[0].import.state], [false, 0, 'gone']);
    assert.equal(list[0].import.bytes, 0);
    assert.match(list[0].import.reason, /^it was removed, or its manifest is damaged, .* images list` shows/);
    assert.doesNotMatch(list[0].import.reason, /is already there/);
  }));

test('an image that a person added stays in the list when its bytes are damaged, with the remedy, and can be deleted', () => {
  const damaged = [image({ os: 'custom', release: 'x', origin: undefined, title: 'Mine' }), image()];
  return withApi(
    [image()],
    async (ask, { store }) => {
      const { json: list } = await ask('GET', '2.0/boot-resources/', undefined, 'alice');
      const [own, noble] = list;
      assert.deepEqual(
        [own.name, own.type, own.complete, own.import.state, own.import.serial, own.import.next_try],
        ['custom/x', 'Uploaded', false, 'failed', '20260901', null],
      );
      assert.match(own.import.reason, /bytes are damaged or missing, .*sudo rackboot images fsck/);
      assert.deepEqual([noble.complete, noble.import], [true, null], 'another version or host has its bytes');
      await assertStatus(ask('DELETE', `2.0/boot-resources/${own.id}/`), 204);
      const rows = await store.boot.listResources();
      assert.equal(rows.find(({ id }) => id === own.id)?.wish, 'delete');
    },
    { listDamagedImages: async () => damaged },
  );
});

test('an imported image whose bytes the region has lost is incomplete, and still Synced, although a rack has a copy', () => {
  const { origin: _, ...copy } = image({ title: '', isReported: true });
  return withApi(
    [],
    async (ask) => {
      const [{ id, complete, progress, type, title, import: state }] = (await ask('GET', '2.0/boot-resources/')).json;
      assert.deepEqual([complete, progress, type, title, state.state], [false, 0, 'Synced', 'Noble', 'failed']);
      const { sets } = (await ask('GET', `2.0/boot-resources/${id}/`)).json;
      assert.equal(sets['20260901'].complete, false);
    },
    { listStoredImages: async () => [copy], listDamagedImages: async () => [image()] },
  );
});

test('the versions of all images are listed with the hosts that have them', () =>
  withApi(
    [],
    async (ask) => {
      const { json } = await ask('GET', '2.0/boot-resources/?op=list_versions', undefined, 'alice');
      const [jammy, noble] = json;
      assert.deepEqual(noble, {
        id: noble.id,
        name: NOBLE,
        version: '20260901',
        title: 'Noble',
        size: 100,
        disk_size: 500,
        sha256: 'a'.repeat(64),
        hosts: ['east', 'west'],
      });
      assert.deepEqual(jammy.hosts, []);
    },
    { listStoredImages: async () => [image({ diskBytes: 500, hosts: ['east', 'west'] }), image({ release: 'jammy' })] },
  ));

test('installers are listed with their titles', () =>
  withApi([], async (ask) => {
    const { json } = await ask('GET', '1.0/boot-resources/?op=list_installers', undefined, 'alice');
    const architecture = 'amd64/generic';
    assert.deepEqual(json, [
      {
        name: 'ubuntu/precise04',
        osystem: 'ubuntu',
        release: 'precise04',
        architecture,
        title: 'Ubuntu 12.04 LTS with Linux 3.11',
      },
      { name: 'site', osystem: null, release: 'site', title: 'site', architecture },
    ]);
  }));

test('an import is requested, stored before the answer, and stopped, in the words of 2.0 and 1.0', () =>
  withApi([], async (ask, { store, clock }, asked) => {
    const isImporting = async () => (await ask('GET', '2.0/boot-resources/?op=is_importing')).json;
    assert.equal(await isImporting(), false);
    for (const path of [
      '2.0/boot-resources/?op=import',
      '1.0/nodegroups/?op=import_boot_images',
      '1.0/nodegroups/master/?op=import_boot_images',
    ]) {
      clock.advance(1000);
      const answer = await ask('POST', path, {});
      assert.equal(answer.status, 200, path);
      assert.match(answer.text, /^Import of boot resources started, but nothing is selected: .*selections add/, path);
      assert.equal((await store.boot.findRun()).askedMs, clock.wallTimeMs());
      assert.equal(await isImporting(), true);
    }
    assert.equal(asked.count, 3);
    clock.advance(1000);
    await assertStatus(ask('POST', '2.0/boot-resources/?op=stop_import', {}), 200);
    assert.equal(await isImporting(), false);
    await assertStatus(ask('POST', '1.0/nodegroups/none/?op=import_boot_images', {}), 404);
    const [stopped, requested] = await store.listEvents({ level: 'audit', limit: 2 });
    assert.equal(sentenceOf(stopped), 'stopped the import of images');
    assert.equal(sentenceOf(requested), 'requested an import of images, but none is selected');
  }));

test('one image is imported alone, and deleted; each is stored, and an event', () =>
  withApi([], async (ask, { store }, asked) => {
    await store.boot.noteProgress(new Map([[NOBLE, COMING]]), 1);
    const [{ id }] = (await ask('GET', '2.0/boot-resources/')).json;
    const wish = async () => (await store.boot.listResources())[0]?.wish;
    await assertStatus(ask('POST', `2.0/boot-resources/${id}/?op=resume`, {}), 200);
    assert.deepEqual((await store.boot.findRun()).images, [NOBLE]);
    await assertStatus(ask('DELETE', `2.0/boot-resources/${id}/`), 204);
    assert.deepEqual((await ask('GET', '2.0/boot-resources/')).json, []);
    await assertStatus(ask('DELETE', `2.0/boot-resources/${id}/`), 404);
    assert.equal(await wish(), 'delete', 'until the importing process has done it');
    assert.equal(asked.count, 2);
    const sentences = (await store.listEvents({ level: 'audit', limit: 2 })).map((event) => sentenceOf(event));
    assert.deepEqual(sentences, [`deleted ${NOBLE}`, `resumed the import of ${NOBLE}`]);
  }));

test('an image that only racks have is not deleted here, because their next report would bring it back', () =>
  withApi(
    [
      image({ isReported: true }),
      image({ release: 'jammy' }),
      image({ release: 'jammy', serial: '1', isReported: true }),
    ],
    async (ask, { store }) => {
      const list = async () => (await ask('GET', '2.0/boot-resources/')).json;
      const [jammy, noble] = await list();
      const answer = await assertStatus(ask('DELETE', `2.0/boot-resources/${noble.id}/`), 409);
      assert.match(
        answer.text,
        /racks report it\. `sudo rackboot images remove ubuntu\/noble\/amd64\/generic\/release` on/,
      );
      assert.equal((await list()).length, 2);
      await assertStatus(ask('DELETE', `2.0/boot-resources/${jammy.id}/`), 204, 'the region has one of them');
      await store.boot.noteProgress(new Map([[NOBLE, COMING]]), 1);
      await assertStatus(ask('DELETE', `2.0/boot-resources/${noble.id}/`), 204, 'the region imports it');
    },
  ));

test('only administrators import and delete', () =>
  withApi([image()], async (ask, { store }) => {
    const [{ id }] = (await ask('GET', '2.0/boot-resources/')).json;
    for (const [method, path] of [
      ['POST', '2.0/boot-resources/?op=import'],
      ['POST', '2.0/boot-resources/?op=stop_import'],
      ['POST', '1.0/nodegroups/?op=import_boot_images'],
      ['POST', `2.0/boot-resources/${id}/?op=resume`],
      ['DELETE', `2.0/boot-resources/${id}/`],
    ] as const)
      assert.equal((await ask(method, path, method === 'POST' ? {} : undefined, 'alice')).status, 403, path);
    assert.equal((await store.boot.findRun()).askedMs, 0);
  }));
