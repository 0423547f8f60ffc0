// The images of one host of a region with several processes: older ones go, whichever process imports; a condemned one is told from others by
// all its files; and each is listed with its hosts.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import {
  encodeImage,
  formatImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../src/images/store/image-store.ts';
import type { CondemnedImage, HostImage, PlaceImages } from '../../src/region/records/host-image-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { HostImages } from '../../src/region-host/imports/host-images.ts';
import { ImageThread } from '../../src/region-host/imports/image-thread.ts';
import { makeRegion, type RegionPlace } from '../region/place.ts';
import { putPart } from '../support/tree-part.ts';

const thread = new ImageThread();
after(() => thread.end());

const NAME = 'ubuntu/noble/amd64/generic/release';
const HOUR_MS = 3_600_000;

const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex');

/** An imported image of a tree. @param kernel of a system; undefined: a disk image */
function addStored(tree: string, serial: string, more: Partial<StoredImage> = {}, kernel?: string): StoredImage {
  const root = `root of ${serial}`;
  const put = (content: string, extension: string): string => {
    const sha256 = digestOf(content);
    const path = join(tree, 'images', sha256.slice(0, 2), `${sha256}.${extension}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return sha256;
  };
  const format = kernel === undefined ? 'raw' : 'squashfs';
  const image: StoredImage = {
    os: 'ubuntu',
    release: 'noble',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'release',
    serial,
    title: 'Noble',
    sha256: put(root, kernel === undefined ? 'img' : format),
    bytes: root.length,
    format,
    diskBytes: 100,
    partitionTable: kernel === undefined ? 'gpt' : 'none',
    origin: { source: 'site', algorithm: 'sha256', hex: digestOf(root) },
    ...(kernel === undefined
      ? {}
      : {
          system: {
            subarch: 'ga-24.04',
            rootName: 'squashfs',
            files: [{ name: 'boot-kernel', sha256: put(kernel, 'file'), bytes: kernel.length }],
          },
        }),
    ...more,
  };
  mkdirSync(dirname(manifestPath(tree, image)), { recursive: true });
  writeFileSync(manifestPath(tree, image), encodeImage(image));
  return image;
}

const elsewhere = (serial: string, more: Partial<HostImage> = {}): HostImage => ({
  os: 'ubuntu',
  release: 'noble',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial,
  title: 'Noble',
  bytes: 7,
  diskBytes: 100,
  sha256: digestOf(`root of ${serial}`),
  origin: { source: 'site' },
  ...more,
});
const place = (name: string, images: readonly HostImage[], isPresent = true): PlaceImages => ({
  place: name,
  isPresent,
  images,
  condemned: [],
});

interface Host {
  readonly images: HostImages;
  readonly tree: string;
  readonly region: RegionPlace;
  /** The last report of this host. */
  readonly reported: () => readonly HostImage[];
  readonly serials: () => readonly string[];
  condemned: readonly CondemnedImage[];
}

async function withHost(
  work: (host: Host) => Promise<void>,
  others: readonly PlaceImages[] = [],
  using?: Partial<RegionStore['boot']>,
): Promise<void> {
  const region = await makeRegion();
  try {
    if (using !== undefined) Object.assign(region.region.store.boot, using);
    const tree = join(region.stateDir, 'boot');
    let reported: readonly HostImage[] = [];
    const host: Pick<Host, 'condemned'> = { condemned: [] };
    const images = await HostImages.open({
      images: thread,
      region: region.region,
      clock: region.clock,
      tree: () => tree,
      onProblem: assert.fail,
      store: {
        report: async (_, listed, removed) => {
          reported = listed;
          host.condemned = host.condemned.filter((one) => !removed.includes(one));
        },
        condemned: async () => host.condemned,
        condemn: async () => undefined,
        list: async () => [...others, { ...place(images.locationId, reported), condemned: host.condemned }],
      },
    });
    await work(
      Object.assign(host, {
        images,
        tree,
        region,
        reported: () => reported,
        serials: () => readImages(tree).images.map(({ serial }) => serial),
      }),
    );
    await images.close();
  } finally {
    await region.remove();
  }
}

test('a host without the duties keeps the two newest imported images of a name', () =>
  withHost(async ({ images, tree, region, serials }) => {
    for (const day of [1, 2, 3, 4]) addStored(tree, `2026010${day}`);
    addStored(tree, '20250101', { origin: undefined });
    addStored(tree, '20250101', { release: 'jammy' });
    await images.check();
    assert.deepEqual(serials(), ['20250101', '20260104', '20260103', '20250101']);
    assert.equal(
      readdirSync(join(tree, 'images'), { recursive: true }).filter((name) => /img$/.test(String(name))).length,
      3,
    );
    // And again, an hour later.
    addStored(tree, '20260105');
    await region.clock.advance(HOUR_MS);
    await images.check();
    assert.deepEqual(serials(), ['20250101', '20260105', '20260104', '20250101']);
  }));

test('newer images of other hosts count, but the newest of a host stays there', () =>
  withHost(
    async ({ images, tree, serials }) => {
      for (const day of [1, 2]) addStored(tree, `2026010${day}`);
      await images.check();
      assert.deepEqual(serials(), ['20260102']);
    },
    [place('east:1', [elsewhere('20260104'), elsewhere('20260103')])],
  ));

for (const [title, others] of [
  ['of a host that is down', [place('east:1', [elsewhere('20260104'), elsewhere('20260103')], false)]],
  [
    'that were added by hand',
    [
      place(
        'east:1',
        ['3', '4'].map((day) => elsewhere(`2026010${day}`, { origin: undefined })),
      ),
    ],
  ],
  [
    'of another name',
    [
      place(
        'east:1',
        ['3', '4'].map((day) => elsewhere(`2026010${day}`, { release: 'jammy' })),
      ),
    ],
  ],
] as const) {
  test(`newer images ${title} remove none here`, () =>
    withHost(async ({ images, tree, serials }) => {
      for (const day of [1, 2]) addStored(tree, `2026010${day}`);
      await images.check();
      assert.deepEqual(serials(), ['20260102', '20260101']);
    }, others));
}

test('an older image stays while a machine is deployed from it, and the one that a source offers', async () => {
  const use = { os: 'ubuntu', release: 'noble', architecture: 'amd64', machines: 1, deploying: 1, first: 'calm-ibis' };
  const uses = [use];
  const add = (tree: string) => [1, 2, 3, 4].map((day) => addStored(tree, `2026010${day}`));
  await withHost(
    async ({ images, tree, region, serials }) => {
      add(tree);
      await images.check();
      assert.equal(serials().length, 4);
      uses.length = 0;
      await region.clock.advance(HOUR_MS);
      await images.check();
      assert.deepEqual(serials(), ['20260104', '20260103']);
    },
    [],
    { listUses: async () => uses },
  );
  await withHost(async ({ images, tree, region, serials }) => {
    add(tree);
    const progress = { state: 'done', source: 'site', serial: '20260101', title: '', bytes: 1 } as const;
    await region.region.store.boot.noteProgress(new Map([[NAME, progress]]), 1);
    await images.check();
    assert.deepEqual(serials(), ['20260104', '20260103', '20260101']);
  });
});

test('a condemned system is told from another with the same root by its kernel', () =>
  withHost(async (host) => {
    const { images, tree, serials } = host;
    addStored(tree, '20260101', {}, 'old kernel');
    await images.check();
    const [image] = host.reported();
    assert.ok(image?.filesSha256 !== undefined);
    const { serial, sha256, filesSha256 } = image;
    const files = [{ name: 'boot-kernel', sha256: digestOf('old kernel'), bytes: 'old kernel'.length }];
    assert.deepEqual(image.system, { subarch: 'ga-24.04', rootName: 'squashfs', files });
    assert.deepEqual(
      (await images.list()).map(({ system }) => system?.files),
      [files],
    );
    host.condemned = [{ resource: NAME, serial, sha256, filesSha256 }];
    addStored(tree, '20260101', {}, 'new kernel');
    assert.deepEqual((await images.list()).map(formatImageName), [`${NAME}/20260101`]);
    await images.check();
    assert.deepEqual([serials(), host.condemned], [['20260101'], []]);
    assert.notEqual(host.reported()[0]?.filesSha256, filesSha256);
    // A process that does not know the other files condemns any system with this root.
    host.condemned = [{ resource: NAME, serial, sha256 }];
    assert.deepEqual(await images.list(), []);
    await images.check();
    assert.deepEqual(serials(), []);
  }));

test('each image is listed with the hosts that have it, and its serials at all hosts are known', () =>
  withHost(
    async ({ images, tree }) => {
      addStored(tree, '20260102');
      const listed = (await images.list()).map(({ serial, hosts }) => [serial, hosts]).sort();
      assert.deepEqual(listed, [
        ['20260101', ['east']],
        ['20260102', ['east', hostname()].sort()],
      ]);
      await images.check();
      assert.deepEqual([...(await images.listSerials(NAME))].sort(), ['20250101', '20260101', '20260102', '20260102']);
    },
    [place('east:1', [elsewhere('20260102'), elsewhere('20260101')]), place('west:2', [elsewhere('20250101')], false)],
  ));

test('a boot loader without one of its files is not listed, as an image without its bytes is not', async () => {
  await withHost(async ({ images, tree }) => {
    const directory = 'bootloader/uefi/amd64';
    const facts = { title: 'GRUB', serial: '20260101', fetched: [] };
    putPart(tree, directory, { 'grubx64.efi': 'grub', 'bootx64.efi': 'shim' }, facts);
    assert.deepEqual(
      (await images.list()).map(({ os, release }) => `${os}/${release}`),
      ['bootloader/uefi'],
    );
    rmSync(join(tree, directory, 'grubx64.efi'));
    assert.deepEqual(await images.list(), []);
  });
});
