// `rackboot images fsck` on systems that share their root, and on images whose source is not the first that has their name: it repairs the
// damaged image itself, or says why not.
// @host waits

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import {
  encodeImage,
  formatImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/image-store.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { writeStreamSite } from '../../support/stream-site.ts';
import { type Kernel, startFile, twoKernels } from '../../support/two-kernels.ts';

describe('images fsck', { skip: missing('linux', 'gpg') }, () => {
  const gpg = new GpgHome();
  let key = '';
  let scratch = '';
  let tree = '';
  let sites: FileSite[] = [];
  before(() => {
    key = gpg.makeKey('site');
  });
  after(() => gpg.remove());
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-fsck-'));
    tree = join(scratch, 'tree');
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
  });
  afterEach(() => {
    for (const site of sites) site.close();
    sites = [];
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Publishes a site for each source. @param serials of the sources, by name @returns the file of sources */
  async function sources(serials: Readonly<Record<string, string>>): Promise<string> {
    const lines: string[] = [];
    for (const [name, serial] of Object.entries(serials)) {
      const directory = join(scratch, `site-${sites.length}`);
      writeStreamSite(directory, twoKernels(serial), { home: gpg, key });
      const site = new FileSite(directory);
      sites.push(site);
      const rest = `arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }`;
      const ids = 'content_ids: ["com.ubuntu.maas:stable:v3:download"]';
      lines.push(
        `  - { name: ${name}, title: Site, os: ubuntu, kind: simplestreams, url: "${await site.open()}", ${ids}, ${rest} }`,
      );
    }
    // Ubuntu's own sources are left out.
    const away = ['ubuntu', 'maas']
      .filter((name) => !(name in serials))
      .map((name) => lines[0]?.replace(/name: \w+/, `name: ${name}`));
    const path = join(scratch, `sources-${sites.length}.yaml`);
    writeFileSync(path, `sources:\n${[...lines, ...away].join('\n')}\n`);
    return path;
  }

  const images = (file: string, ...words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--tree', tree, '--sources', file]));
  async function importBoth(file: string): Promise<void> {
    for (const kernel of ['ga-24.04', 'hwe-24.04']) {
      const { result, complaint } = await images(file, 'import', 'ubuntu/noble', '--subarch', kernel);
      assert.equal(result, 0, complaint);
    }
  }
  const pathOf = (kernel: Kernel, name: string): string => join(tree, 'ubuntu/amd64', kernel, 'noble/stable', name);
  const damage = (path: string): void => writeFileSync(path, readFileSync(path, 'utf8').toUpperCase());
  const stored = (): readonly StoredImage[] => readImages(tree).images;
  /** Makes the manifests name another source. */
  function setSource(source: string): void {
    for (const image of stored()) {
      const { origin } = image;
      assert.ok(origin);
      writeFileSync(manifestPath(tree, image), encodeImage({ ...image, origin: { ...origin, source } }));
    }
  }

  for (const kernel of ['ga-24.04', 'hwe-24.04'] as const)
    for (const name of ['boot-kernel', 'boot-initrd'] as const)
      test(`repairs the ${name} of ${kernel}, and no other system in its place`, async () => {
        const file = await sources({ maas: '20261101' });
        await importBoth(file);
        damage(pathOf(kernel, name));
        const { result, text, complaint } = await images(file, 'fsck');
        assert.equal(result, 0, complaint);
        const lost = stored().find(({ system }) => system?.subarch === kernel) ?? assert.fail();
        assert.ok(text.includes(`Imported ${formatImageName(lost)} again`), text);
        assert.equal(readFileSync(pathOf(kernel, name), 'utf8'), startFile(kernel, name));
        assert.match((await images(file, 'fsck')).text, /all right/);
      });

  test('names an image once, although several of its files are damaged, and repairs all that share a file', async () => {
    const file = await sources({ maas: '20261101' });
    await importBoth(file);
    for (const name of ['boot-kernel', 'boot-initrd', 'squashfs']) damage(pathOf('hwe-24.04', name));
    const { result, text, complaint } = await images(file, 'fsck');
    assert.equal(result, 0, complaint);
    assert.match(complaint, /^ubuntu\S+20261101, ubuntu\S+20261101 are damaged: /m, 'both have the squashfs');
    assert.match(complaint, /^ubuntu\S+20261101 is damaged: /m);
    assert.match(text, /^Checked \d+ files: 3 wrong, all repaired\.$/m);
    assert.equal(text.match(/^Imported .* again$/gm)?.length, 2, text);
    assert.match((await images(file, 'fsck')).text, /all right/);
  });

  test('takes nothing older, and nothing of another source, in place of an image that its source no longer has', async () => {
    await importBoth(await sources({ maas: '20261101' }));
    const before = stored();
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    for (const [file, why] of [
      [
        await sources({ maas: '20261001', ubuntu: '20261002' }),
        /was not repaired: no source has its files, and its source maas has no newer ones/,
      ],
      [await sources({ maas: '20261001', ubuntu: '20261201' }), /was not repaired: no source has its files/],
    ] as const) {
      const { result, complaint } = await images(file, 'fsck');
      assert.equal(result, 1, complaint);
      assert.match(complaint, why);
      assert.deepEqual(stored(), before);
    }
    setSource('http://gone.example/stream/');
    const { result, complaint } = await images(await sources({ maas: '20261001' }), 'fsck');
    assert.equal(result, 1, complaint);
    assert.match(complaint, /was not repaired: its source http:\/\/gone\.example\/stream\/ is unknown here/);
    assert.equal(stored().length, 2);
  });

  test('replaces an image by a newer one of its own source', async () => {
    await importBoth(await sources({ maas: '20261101' }));
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    const { result, text, complaint } = await images(await sources({ maas: '20261201' }), 'fsck');
    assert.equal(result, 0, complaint);
    assert.match(text, /^Imported ubuntu\/noble\/amd64\/hwe-24\.04\/stable\/20261201 again$/m);
    assert.deepEqual(
      stored().map(({ subarchitecture, serial }) => `${subarchitecture} ${serial}`),
      ['generic 20261101', 'hwe-24.04 20261201'],
    );
  });

  test('counts the files that are repaired, and those that are still wrong; the list names the sizes of whole systems', async () => {
    const file = await sources({ maas: '20261101' });
    await importBoth(file);
    const list = () => printedBy(() => runCommandLine(['images', 'list', '--tree', tree]));
    const [image] = stored();
    assert.ok(image?.system);
    const files = [image, ...image.system.files];
    const size = files.reduce((sum, { bytes }) => sum + bytes, 0);
    assert.match((await list()).text, new RegExp(`^ubuntu\\S+ +${size} B +`, 'm'));
    const own = { ...image, os: 'custom', sha256: 'e'.repeat(64), bytes: 9, format: 'raw', system: undefined } as const;
    const { origin: _, ...byHand } = own;
    writeFileSync(manifestPath(tree, byHand), encodeImage({ ...byHand, partitionTable: 'gpt' }));
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    const { result, text } = await images(file, 'fsck');
    assert.equal(result, 1);
    assert.match(text, /^Checked \d+ files: 2 wrong, of which 1 repaired, 1 still wrong\.$/m);
    const listed = await list();
    assert.equal(listed.result, 1);
    assert.match(listed.text, /^custom\/\S+ +missing +/m);
    assert.match(
      listed.complaint,
      /^The bytes of 1 image are missing or damaged; to get them back: sudo \S.* images fsck --tree \S+$/m,
    );
  });

  test('leaves a copy of an image of the region to the rack', async () => {
    const file = await sources({ maas: '20261101' });
    await importBoth(file);
    setSource('region');
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    const before = stored();
    const { result, complaint } = await images(file, 'fsck');
    assert.equal(result, 1);
    assert.match(
      complaint,
      /was not repaired: it is a copy of an image of the region; a rack that runs copies it again/,
    );
    assert.deepEqual(stored(), before);
  });

  test('repairs an image that was added by hand, if its bytes are those of an imported one', async () => {
    const file = await sources({ maas: '20261101' });
    await importBoth(file);
    const [image] = stored();
    assert.ok(image);
    const { origin: _none, ...added } = { ...image, os: 'acustom' };
    mkdirSync(join(tree, 'images/.manifests'), { recursive: true });
    writeFileSync(manifestPath(tree, added), encodeImage(added));
    damage(pathOf('ga-24.04', 'boot-kernel'));
    const { result, complaint } = await images(file, 'fsck');
    assert.equal(result, 0, complaint);
  });
});
