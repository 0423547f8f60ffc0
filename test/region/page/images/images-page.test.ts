// The pages of images and sources: progress, reasons and uses are shown, and their forms act as the API does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedImage } from '../../../../src/region/life/deployment.ts';
import type { PageDefinition, View } from '../../../../src/region/page/frame/view.ts';
import { IMAGE_PAGE, IMAGES_PATH } from '../../../../src/region/page/images/image-page.ts';
import { IMAGES_PAGE } from '../../../../src/region/page/images/images-page.ts';
import { SOURCE_PAGES } from '../../../../src/region/page/images/sources-page.ts';
import type { ImportReason } from '../../../../src/region/records/import-reason.ts';
import { makeRegion, type RegionPlace } from '../../place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

const NOBLE = 'ubuntu/noble/amd64/generic/release';
const STALLED: ImportReason = {
  code: 'download',
  params: { fault: { code: 'stalled', params: { host: 'x', seconds: 30 } } },
};

async function withRegion(work: (place: RegionPlace) => Promise<void>) {
  const place = await makeRegion();
  try {
    const { store, clock } = place;
    await addViewer(store);
    await store.boot.noteProgress(
      new Map([
        [
          NOBLE,
          {
            state: 'waiting',
            source: 'http://x/',
            serial: '20261015',
            title: 'Noble <b>',
            bytes: 2 ** 20,
            total: 2 ** 22,
            reason: STALLED,
            nextMs: clock.wallTimeMs() + 20_000,
          },
        ],
      ]),
      1,
    );
    const downloads = [{ rack: 'r1', file: 'jammy<i>', bytes: 3, total: 12, error: 'no room', atMs: 1 }];
    await store.boot.changeRun({ downloads });
    const reason = { code: 'not-offered', params: { source: 'x', arches: [] } } as const;
    await store.boot.changeRun({ askedMs: 1, skipped: [{ name: 'ubuntu/focal', reason }] });
    await work(place);
  } finally {
    await place.remove();
  }
}

/** Selects all images of a system of the source `ubuntu`, so that the next run tries them. */
async function selectUbuntu({ store }: RegionPlace) {
  const event = { type: 'SETTINGS', code: 'rack', params: { text: '' }, atMs: 1, username: '' } as const;
  const site = { url: 'ubuntu', why: 'a test', keyringFilename: '', keyring: new Uint8Array(), updatedMs: 1 };
  const source = await store.boot.addSource(site, event);
  assert.ok(typeof source === 'object');
  const all = { os: 'ubuntu', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };
  await store.boot.addSelection(source.id, all, event);
}

const shown = async ({ region }: RegionPlace, page: PageDefinition, more: Partial<View> = {}) =>
  String(await page.render(viewOf(region, more)));
const sent = (
  place: RegionPlace,
  page: PageDefinition,
  fields: Readonly<Record<string, string>>,
  more: Partial<View> = {},
) =>
  page.act?.(
    viewOf(place.region, {
      viewer: ADMIN,
      form: new Map(Object.entries(fields).map(([name, value]) => [name, [value]])),
      ...more,
    }),
  );

for (const state of ['cancelled', 'failed'] as const)
  test(`an image that came by a command after its import was ${state} is ready, and all its versions are deleted by name`, async () => {
    const names = {
      os: 'ubuntu',
      release: 'noble',
      architecture: 'amd64',
      subarchitecture: 'generic',
      label: 'release',
    };
    const image = { ...names, title: 'Noble', bytes: 9, diskBytes: 9, sha256: 'a'.repeat(64), hosts: ['h'] };
    const serials = ['20261127', '20261101'];
    const place = await makeRegion({}, 1, undefined, {
      listStoredImages: async () => serials.map((serial) => ({ ...image, serial })),
    });
    try {
      const { store } = place;
      await addViewer(store);
      const progress = { state, source: 'site', title: 'Noble', bytes: 5, total: 9, reason: STALLED };
      const rowWith = async (serial: string) => {
        await store.boot.noteProgress(new Map([[NOBLE, { ...progress, serial }]]), 1);
        return shown(place, IMAGES_PAGE, { viewer: ADMIN });
      };
      assert.match(await rowWith('20261127'), />Ready</);
      assert.doesNotMatch(await rowWith('20261127'), />Resume<|>Try again<|5 B of/);
      assert.doesNotMatch(await rowWith('20261201'), />Ready</, 'a newer version is missing');
      const [{ id } = { id: 0 }] = await store.boot.listResources();
      const path = { image: String(id) };
      assert.match(await shown(place, IMAGE_PAGE, { viewer: ADMIN, path }), />Delete all 2 versions</);
      serials.pop();
      assert.match(await shown(place, IMAGE_PAGE, { viewer: ADMIN, path }), />Delete image</);
    } finally {
      await place.remove();
    }
  });

test('a deleted image does not come back while racks still have copies of it, nor is it ready while it is imported again', async () => {
  const names = { os: 'ubuntu', release: 'noble', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };
  const image = { ...names, serial: '20261101', title: '', bytes: 9, sha256: 'a'.repeat(64), isReported: true };
  let images: readonly ListedImage[] = [{ ...image, isCopy: true }];
  const place = await makeRegion({}, 1, undefined, { listStoredImages: async () => images });
  try {
    const { boot } = place.store;
    const { bootImages } = place.region;
    assert.deepEqual(await bootImages.listResources(), []);
    const progress = { source: 'site', title: 'Noble', serial: '20261101', bytes: 0, total: 9 };
    await boot.noteProgress(new Map([[NOBLE, { ...progress, state: 'cancelled' }]]), 1);
    assert.deepEqual(
      (await bootImages.listResources()).map((one) => [one.images, one.progress?.state]),
      [[[], 'cancelled']],
    );
    // The host that has it is down.
    await boot.noteProgress(new Map([[NOBLE, { ...progress, state: 'done' }]]), 1);
    assert.equal((await bootImages.listResources())[0]?.images.length, 1);
    await boot.forget([NOBLE]);
    images = [image];
    assert.equal((await bootImages.listResources()).length, 1, 'a person added it on the rack');
  } finally {
    await place.remove();
  }
});

test('the page of an image shows its kind, how it starts, its source, and each version', async () => {
  const names = { os: 'custom', release: 'own', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };
  const common = { ...names, title: 'Own', bytes: 2 ** 20, diskBytes: 2 ** 21, hosts: [] };
  const signs = { startsByBios: true, startsByUefi: true, hasCloudInit: true };
  const newest = { ...common, serial: '20261127', sha256: 'a'.repeat(64), signs };
  const older = { ...common, serial: '20261101', sha256: 'b'.repeat(64) };
  const place = await makeRegion({}, 1, undefined, { listStoredImages: async () => [newest, older] });
  try {
    await addViewer(place.store);
    const [{ id } = { id: 0 }] = await place.region.bootImages.listResources();
    const text = await shown(place, IMAGE_PAGE, { viewer: ADMIN, path: { image: String(id) } });
    assert.match(
      text,
      /<dt>Kind<\/dt><dd>Image of a disk<\/dd><dt>Starts by<\/dt><dd>BIOS and UEFI · cloud-init<\/dd>/,
    );
    assert.match(text, /<dt>Source<\/dt><dd>Added, made or uploaded by hand<\/dd>/);
    assert.match(text, /id="versions".*20261127<.*1\sMiB<.*2\sMiB<.*a{64}<.*20261101<.*b{64}</s);
    assert.match(
      text,
      /id="delete"><details id="delete-image"><summary>Delete this image</,
      'closed until it is opened',
    );
  } finally {
    await place.remove();
  }
});

test('an upload is shown with what has come and cannot be resumed; one that failed shows why', () =>
  withRegion(async (place) => {
    const { store } = place;
    const upload = await store.uploads.begin(
      {
        name: 'custom/site/amd64/generic/uploaded',
        title: 'Site',
        fileType: 'ddraw',
        bytes: 2 ** 22,
        sha256: 'a'.repeat(64),
        username: 'admin',
        createdMs: 1,
      },
      { type: 'IMAGES', code: 'image-upload', params: { image: 'custom/site', step: 'begun' }, atMs: 1, username: '' },
    );
    assert.ok(upload !== 'limit');
    await store.uploads.advance(upload.id, { from: 0, to: 2 ** 20, place: 'h:/t', atMs: 2 });
    const row = async () =>
      /<tr>(?:(?!<tr>).)*custom\/site.*?<\/tr>/s.exec(await shown(place, IMAGES_PAGE, { viewer: ADMIN }))?.[0];
    assert.match((await row()) ?? '', /Uploading<.*max="4194304" value="1048576"/s);
    assert.doesNotMatch((await row()) ?? '', /<form/);
    const failed = { type: 'REGION_IMPORT_ERROR', atMs: 3, username: '' } as const;
    const reason = { code: 'said', params: { said: 'its hash is <wrong>' } } as const;
    const params = { image: 'custom/site', reason };
    await store.uploads.fail(upload.id, reason, { ...failed, code: 'image-upload-failed', params });
    assert.match((await row()) ?? '', /pill red.*its hash is &lt;wrong&gt;/s);
  }));

test('an import is shown with bytes, reason and next try, and what was left out with its reason', () =>
  withRegion(async (place) => {
    const text = await shown(place, IMAGES_PAGE);
    assert.match(text, /<progress aria-label="Waiting" max="4194304" value="1048576">/);
    assert.match(text, /1\u00a0MiB of 4\u00a0MiB · <time [^>]*>tries again in 20 s</);
    assert.match(text, /class="why">x sent nothing for 30 s: the download continues from there</);
    assert.match(
      text,
      /<b>r1<\/b><div class="coming"><div class="break">jammy&lt;i&gt;<\/div><progress[^>]* max="12" value="3">/,
    );
    assert.match(text, /class="why">no room</);
    assert.match(text, /Noble &lt;b&gt;/);
    assert.match(text, /ubuntu\/focal<\/b><div class="said">x does not offer it</);
    assert.match(text, /&quot;Not imported&quot; lists 1 /);
    const remark = { code: 'present', params: { serial: '20261015' } } as const;
    await place.store.boot.changeRun({ skipped: [{ name: 'x', reason: remark }], skippedMore: 0 });
    assert.match(await shown(place, IMAGES_PAGE), /An import is under way\.</);
    assert.doesNotMatch(
      await shown(place, IMAGES_PAGE, { viewer: USER }),
      /<form method="post" class="inline">.*Stop import/s,
    );
    assert.match(await shown(place, IMAGES_PAGE, { viewer: ADMIN }), />Stop import</);
  }));

test('an administrator has an image imported alone, deletes it, and asks for an import', () =>
  withRegion(async (place) => {
    const { boot } = place.store;
    const [row] = await boot.listResources();
    const id = String(row?.id);
    const { askedMs } = await boot.findRun();
    assert.equal((await sent(place, IMAGES_PAGE, { do: 'resume', id }))?.kind, 'done');
    assert.ok((await boot.findRun()).askedMs > askedMs);
    // True also on a page that shows that the import has already ended.
    for (const [command, text] of [
      ['stop', 'You stopped the import.'],
      ['import', 'You requested an import.'],
    ] as const)
      assert.deepEqual(await sent(place, IMAGES_PAGE, { do: command }), { kind: 'done', to: IMAGES_PATH, text });
    assert.equal((await boot.listResources())[0]?.wish, 'import');
    assert.equal((await sent(place, IMAGES_PAGE, { do: 'resume', id }, { viewer: USER }))?.kind, 'refusal');
    assert.equal((await sent(place, IMAGE_PAGE, {}, { path: { image: id } }))?.kind, 'done');
    assert.equal((await boot.listResources())[0]?.wish, 'delete');
    assert.equal(await IMAGE_PAGE.render(viewOf(place.region, { path: { image: id } })), undefined);
  }));

test('a failed import has "Try again" unless a further attempt would end the same', () =>
  withRegion(async (place) => {
    const { boot } = place.store;
    await selectUbuntu(place);
    await boot.changeRun({ begunMs: 2, endedMs: 3, nextMs: place.clock.wallTimeMs() + 60_000 });
    const [{ id } = { id: 0 }] = await boot.listResources();
    const isRetried = async (reason: ImportReason): Promise<readonly boolean[]> => {
      const failed = { state: 'failed', source: 'ubuntu', title: '', serial: '20261015', bytes: 0, reason } as const;
      await boot.noteProgress(new Map([[NOBLE, failed]]), 1);
      const list = await shown(place, IMAGES_PAGE, { viewer: ADMIN });
      const one = await shown(place, IMAGE_PAGE, { viewer: ADMIN, path: { image: String(id) } });
      return [list, one].flatMap((text) => [text.includes('>Try again<'), text.includes('tries again in')]);
    };
    assert.deepEqual(await isRetried(STALLED), [true, true, true, true]);
    const said = 'it has no partition table';
    assert.deepEqual(await isRetried({ code: 'refused', params: { said } }), [false, false, false, false]);
  }));

test('a source is added, its images selected and not selected any more, and it is deleted', () =>
  withRegion(async (place) => {
    const [all, one] = SOURCE_PAGES;
    assert.ok(all !== undefined && one !== undefined);
    const { boot } = place.store;
    const refused = await sent(place, all, { url: 'http://x/', keyring_filename: '' });
    assert.equal(refused?.kind, 'refusal');
    assert.match(await shown(place, all, { viewer: ADMIN }), /<details><summary>Add a source</, 'closed');
    const again = await shown(place, all, { viewer: ADMIN, refusal: 'no keys' });
    assert.match(again, /<details open><summary>Add a source</, 'open with the refused values');
    const added = await sent(place, all, { url: 'http://x/', keyring_filename: '/k.gpg' });
    assert.deepEqual(added?.kind === 'done' && added.to, '/MAAS/images/sources/1/');
    const path = { source: '1' };
    const unnamed = await sent(place, one, { do: 'select', os: 'ubuntu', release: '', arches: 'amd64' }, { path });
    assert.equal(unnamed?.kind, 'refusal', 'nobody selects all releases by leaving the field empty');
    await boot.changeRun({ nextMs: place.clock.wallTimeMs() + 20 * 60_000 });
    const wanted = { do: 'select', os: 'ubuntu', release: 'noble', arches: '', subarches: 'ga-24.04', labels: '' };
    const done = await sent(place, one, wanted, { path });
    assert.match(done?.kind === 'done' ? done.text : '', /the next import, in 20 min.*, fetches it\. "Import now"/);
    const [selection] = await boot.listSelections(1);
    assert.deepEqual([selection?.release, selection?.arches], ['noble', ['*']]);
    assert.deepEqual(selection?.subarches, ['ga-24.04']);
    assert.match(await shown(place, one, { viewer: ADMIN, path }), /ubuntu\/noble/);
    await sent(place, one, { do: 'unselect', id: String(selection?.id) }, { path });
    assert.deepEqual(await boot.listSelections(1), []);
    const keyring_data = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA';
    await sent(place, one, { do: 'change', url: 'http://y/', keyring_filename: '/k.gpg', keyring_data }, { path });
    const [source] = await boot.listSources();
    assert.deepEqual([source?.url, source?.keyringFilename], ['http://y/', '']);
    await sent(place, one, { do: 'remove' }, { path });
    assert.deepEqual(await boot.listSources(), []);
  }));
