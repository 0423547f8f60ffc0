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
  blobPath,
  encodeImage,
  formatImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
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
  async function sources(serials: Readonly<Record<string, string | readonly string[]>>): Promise<string> {
    const lines: string[] = [];
    for (const [name, some] of Object.entries(serials)) {
      const directory = join(scratch, `site-${sites.length}`);
      writeStreamSite(directory, twoKernels(some), { home: gpg, key });
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
    assert.match(text, /^Images: 100 % of /m);
    assert.equal(text.match(/^Imported .* again$/gm)?.length, 2, text);
    assert.match((await images(file, 'fsck')).text, /all right/);
  });

  test('takes nothing older, and nothing of another source, in place of an image that its source no longer has', async () => {
    await importBoth(await sources({ maas: '20261101' }));
    const before = stored();
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    for (const [file, why] of [
      [await sources({ maas: '20261001', ubuntu: '20261002' }), /was not repaired: .*source maas has no newer ones/],
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

  for (const isNewerThere of [false, true])
    test(`repairs a version that its source still has, ${isNewerThere ? 'next to' : 'instead of taking'} a newer one`, async () => {
      await importBoth(await sources({ maas: '20261101' }));
      const both = await sources({ maas: ['20261101', '20261201'] });
      if (isNewerThere) await importBoth(both);
      const before = stored();
      const old = before.find((image) => image.serial === '20261101' && image.subarchitecture === 'hwe-24.04');
      const [file] = old?.system?.files.filter(({ name }) => name === 'boot-kernel') ?? [];
      assert.ok(old && file);
      damage(join(tree, blobPath(file.sha256, 'file')));
      const { result, text, complaint } = await images(both, 'fsck');
      assert.equal(result, 0, complaint);
      assert.ok(text.includes(`Imported ${formatImageName(old)} again`), text);
      assert.deepEqual(stored(), before);
      assert.match((await images(both, 'fsck')).text, /all right/);
    });

  test('replaces an image by a newer one of its own source', async () => {
    await importBoth(await sources({ maas: '20261101' }));
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    const { result, text, complaint } = await images(await sources({ maas: '20261201' }), 'fsck');
    assert.equal(result, 0, complaint);
    assert.match(
      text,
      /^Imported (ubuntu\/noble\/amd64\/hwe-24\.04\/stable)\/20261201, which replaces \1\/20261101: /m,
    );
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
    mkdirSync(join(tree, 'images/.damaged'));
    writeFileSync(join(tree, 'images/.damaged/old.img'), 'twelve bytes');
    const { result, text } = await images(file, 'fsck');
    assert.equal(result, 1);
    assert.match(text, /^Damaged files kept in \S+\/images\/\.damaged: 12 B; delete what you do not need\.$/m);
    assert.match(text, /^Checked \d+ files: 2 wrong, of which 1 repaired, 1 still wrong\.$/m);
    const listed = await list();
    assert.equal(listed.result, 1);
    assert.match(listed.text, /^custom\/\S+ +missing +/m);
    const again =
      /: it was added from a file; `\S.* images add FILE --os custom --release noble --arch amd64 --label stable --serial 20261101 --tree \S+` adds it again$/m;
    assert.match(listed.complaint, again);
    assert.doesNotMatch(listed.complaint, /images fsck/, 'it has just said that it cannot');
    writeFileSync(pathOf('hwe-24.04', 'boot-kernel'), 'cut');
    assert.match(
      (await list()).complaint,
      /^The bytes of 1 image are missing or damaged; to get them back: sudo \S.* images fsck --tree \S+$/m,
    );
  });

  test('names one command for all images that share bytes, and uploads an upload again', async () => {
    const names = { os: 'custom', release: 'site', architecture: 'amd64', subarchitecture: 'generic', title: '' };
    const content = { bytes: 9, format: 'raw', diskBytes: 9, partitionTable: 'gpt' } as const;
    const put = (sha256: string, label: string, serial: string): void => {
      const image = { ...names, ...content, label, serial, sha256 };
      mkdirSync(join(tree, 'images/.manifests'), { recursive: true });
      writeFileSync(manifestPath(tree, image), encodeImage(image));
    };
    put('e'.repeat(64), 'daily', '20261101');
    put('e'.repeat(64), 'daily', '20261102');
    put('f'.repeat(64), 'uploaded', '20261103');
    const { result, complaint } = await images(await sources({ maas: '20261101' }), 'fsck');
    assert.equal(result, 1);
    const said = complaint.replaceAll(/`\S[^`]*? images/g, '`rackboot images').replaceAll(tree, 'TREE');
    for (const line of [
      `/daily/20261102 was not repaired: it was added from a file; \`rackboot images add FILE --os custom --release site --arch amd64 --label daily --serial 20261102 --tree TREE\` adds it again`,
      '/daily/20261101 was not repaired: its bytes come back with those of custom/site/amd64/generic/daily/20261102',
      '/uploaded/20261103 was not repaired: it was uploaded; `rackboot images upload custom/site FILE --arch amd64` uploads it again',
    ])
      assert.ok(said.includes(line), said);
  });

  test('leaves a copy of an image of the region to the rack', async () => {
    const file = await sources({ maas: '20261101' });
    await importBoth(file);
    setSource('region');
    damage(pathOf('hwe-24.04', 'boot-kernel'));
    const before = stored();
    const { result, complaint } = await images(file, 'fsck');
    assert.equal(result, 1);
    assert.match(complaint, /was not repaired: it is a copy of an image of the region/);
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
