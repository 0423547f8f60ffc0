// A rack copies the boot loaders and installers of its region's boot tree, from the site that the region serves.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { type CopyProgress, type CopyResult, copyFromRegion } from '../../../src/images/carry/region-copy.ts';
import { importFirstItem } from '../../../src/images/run/import-item.ts';
import { importLoader } from '../../../src/images/run/loader-import.ts';
import { listTreeParts } from '../../../src/images/run/tree-parts.ts';
import { askSources } from '../../../src/images/sources/offers.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { OwnImageStream } from '../../../src/region-host/image-stream.ts';
import { FileSite } from '../../support/image-site.ts';
import { unsignedStream } from '../../support/offers.ts';
import { type SiteFile, type SiteProduct, writeStreamSite } from '../../support/stream-site.ts';
import { putPart } from '../../support/tree-part.ts';
import { placeForEach } from '../download/download-place.ts';

const LOADER = 'bootloader/uefi/amd64';
const INSTALLER = 'amd64/generic/bookworm/install';
const UEFI = { 'bootx64.efi': 'a shim', 'GRUBX64.EFI': 'a grub', empty: '' };
const BOOKWORM = { linux: 'a kernel', 'initrd.gz': 'an initrd with drivers' };
const NONE = { added: 0, removed: 0, problems: [] };

describe('a rack copies the boot loaders and installers of its region', () => {
  let scratch: string;
  let tree: string;
  let region: string;
  let progress: CopyProgress[] = [];
  let sites: FileSite[] = [];
  let place: Parameters<Parameters<typeof placeForEach>[0]>[0];
  placeForEach((one) => {
    place = one;
  });
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-part-copies-'));
    [tree, region] = [join(scratch, 'tree'), join(scratch, 'region')];
    for (const path of [tree, region]) mkdirSync(path);
    progress = [];
  });
  afterEach(() => {
    for (const site of sites) site.close();
    sites = [];
    rmSync(scratch, { recursive: true, force: true });
  });

  const loader = (at: string, files: Readonly<Record<string, string>> = UEFI, serial = '20261101.1'): void =>
    putPart(at, LOADER, files, { title: 'grub-efi-signed', label: 'stable', serial, fetched: ['a'] });
  const installer = (at: string, serial = '20261102'): void =>
    putPart(at, INSTALLER, BOOKWORM, { os: 'debian', title: 'Debian 12 (bookworm)', serial, fetched: ['b'] });

  /** Serves what the region serves of a boot tree. @returns its URL, and the directory of the site */
  async function serve(at = region): Promise<{ readonly url: string; readonly directory: string }> {
    const stream = new OwnImageStream({ stateDir: scratch, clock: systemClock, tree: () => at });
    const directory = join(scratch, `site-${sites.length}`);
    const fetchFile = async (path: string): Promise<string> => {
      const found = (await stream.find(path)) ?? assert.fail(path);
      const content =
        found.kind === 'document'
          ? found.text
          : Buffer.concat(await Array.fromAsync((await found.read(0, found.bytes)) ?? assert.fail(path)));
      const file = join(directory, 'images-stream', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return content.toString();
    };
    await fetchFile('streams/v1/index.sjson');
    const { index } = JSON.parse(await fetchFile('streams/v1/index.json'));
    for (const { path } of Object.values<{ path: string }>(index)) {
      await fetchFile(`${path}.gpg`);
      const products = await fetchFile(path);
      for (const [, file = ''] of products.matchAll(/"path": "([^"]*)"/g)) await fetchFile(file);
    }
    return publish(directory);
  }
  async function publish(directory: string): Promise<{ readonly url: string; readonly directory: string }> {
    const site = new FileSite(directory);
    sites.push(site);
    return { url: await site.open(), directory: join(directory, 'images-stream') };
  }
  const copyFrom = (...urls: readonly string[]): Promise<CopyResult> =>
    copyFromRegion({
      tree,
      urls,
      downloads: place.queue(),
      clock: systemClock,
      onProgress: (one) => progress.push(one),
    });
  const copy = async (): Promise<CopyResult> => copyFrom((await serve()).url);
  /** The files of a directory of the rack's tree, but for the manifest; undefined: there is none. */
  const filesIn = (directory: string, at = tree): Readonly<Record<string, string>> | undefined =>
    existsSync(join(at, directory))
      ? Object.fromEntries(
          readdirSync(join(at, directory))
            .filter((name) => name !== 'manifest.json')
            .map((name) => [name, readFileSync(join(at, directory, name), 'utf8')]),
        )
      : undefined;
  const facts = (at: string) =>
    listTreeParts(at).map(({ kind, os, release, architecture, label, serial, title, directory }) => ({
      kind,
      os,
      release,
      architecture,
      label,
      serial,
      title,
      directory,
    }));
  const sourceAt = (url: string): StreamSource => unsignedStream({ name: 'lab', url });
  const ask = (url: string) =>
    askSources(
      [sourceAt(url)],
      { os: '*', release: undefined, architectures: [] },
      {
        downloads: place.queue(),
        clock: systemClock,
        mirrors: [],
      },
    );

  test('with their names, titles and serials, reports them, and copies none again', async () => {
    loader(region);
    installer(region);
    assert.deepEqual(await copy(), { ...NONE, added: 2 });
    assert.deepEqual(filesIn(LOADER), UEFI);
    assert.deepEqual(filesIn(INSTALLER), BOOKWORM);
    assert.deepEqual(facts(tree), facts(region));
    const last = new Map(progress.map((one) => [one.file, one]));
    const ended = (file: string, files: object) => {
      const bytes = Object.values(files).join('').length;
      return { file, bytes, total: bytes, error: '' };
    };
    assert.deepEqual([...last.values()], [ended(LOADER, UEFI), ended('installer/debian/bookworm/amd64', BOOKWORM)]);
    assert.deepEqual(await copy(), NONE);
    assert.deepEqual(readdirSync(join(tree, 'images/.downloads')), []);
  });

  test('has an installer that was made from packages, too, although its manifest names no source', async () => {
    putPart(region, INSTALLER, BOOKWORM, { os: 'debian', title: 'Debian 12 (bookworm)', source: undefined });
    assert.deepEqual(await copy(), { ...NONE, added: 1 });
    assert.deepEqual(filesIn(INSTALLER), BOOKWORM);
    assert.deepEqual(facts(tree), facts(region));
  });

  test('replaces a copy by a newer one, mends a damaged one, and removes one that the region removed', async () => {
    loader(region);
    installer(region);
    await copy();
    const newer = { 'bootx64.efi': 'a newer shim' };
    loader(region, newer, '20261103');
    writeFileSync(join(tree, INSTALLER, 'linux'), 'damaged!');
    assert.deepEqual(await copy(), { ...NONE, added: 2 });
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [newer, BOOKWORM]);
    rmSync(join(region, 'amd64'), { recursive: true });
    assert.deepEqual(await copy(), { ...NONE, removed: 1 });
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [newer, undefined]);
    rmSync(join(region, 'bootloader'), { recursive: true });
    assert.deepEqual(await copy(), { ...NONE, removed: 1 });
    assert.deepEqual(listTreeParts(tree), []);
  });

  test('keeps what a person put there or imported on the rack, whatever the region has or removes', async () => {
    loader(region);
    installer(region);
    const own = { 'bootx64.efi': 'mine' };
    loader(tree, own, '20200101');
    mkdirSync(join(tree, INSTALLER), { recursive: true });
    writeFileSync(join(tree, INSTALLER, 'linux'), 'my own');
    assert.deepEqual(await copy(), NONE);
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [own, { linux: 'my own' }]);
    rmSync(join(region, 'bootloader'), { recursive: true });
    rmSync(join(region, 'amd64'), { recursive: true });
    assert.deepEqual(await copy(), NONE);
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [own, { linux: 'my own' }]);
  });

  test('neither replaces nor removes a copy in whose directory a person has put a file, and says so', async () => {
    loader(region);
    await copy();
    writeFileSync(join(tree, LOADER, 'grub.cfg'), 'mine');
    assert.deepEqual(await copy(), NONE);
    const said = [
      '"bootloader/uefi/amd64/grub.cfg" was not put there by an import: move it away from these files, which are replaced and removed as a whole',
    ];
    loader(region, { 'bootx64.efi': 'a newer shim' }, '20261103');
    assert.deepEqual(await copy(), { ...NONE, problems: said });
    assert.deepEqual(progress.at(-1)?.error, said[0]);
    rmSync(join(region, 'bootloader'), { recursive: true });
    assert.deepEqual(await copy(), { ...NONE, problems: said });
    assert.deepEqual(filesIn(LOADER), { ...UEFI, 'grub.cfg': 'mine' });
  });

  test('takes the newest of several processes, whose files are mirrors, and keeps copies while one does not answer', async () => {
    const other = join(scratch, 'other');
    loader(region);
    installer(region);
    cpSync(region, other, { recursive: true });
    loader(other, { 'bootx64.efi': 'a newer shim' }, '20261103');
    const [first, second] = [await serve(), await serve(other)];
    for (const [index, name] of ['linux', 'initrd.gz'].entries()) {
      const hash = createHash('sha256').update(Object.entries(BOOKWORM).find(([one]) => one === name)?.[1] ?? '');
      rmSync(join([first, second][index]?.directory ?? '', 'parts', hash.digest('hex')));
    }
    assert.deepEqual(await copyFrom(first.url, second.url), { ...NONE, added: 2 });
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [{ 'bootx64.efi': 'a newer shim' }, BOOKWORM]);
    sites[1]?.close();
    assert.deepEqual(await copyFrom(first.url, second.url), NONE);
    assert.deepEqual(filesIn(LOADER), { 'bootx64.efi': 'a newer shim' });
    rmSync(join(region, 'amd64'), { recursive: true });
    assert.deepEqual(await copyFrom((await serve()).url, second.url), NONE);
    assert.deepEqual(filesIn(INSTALLER), BOOKWORM);
  });

  test('a file in the place of the directories stays, and delays no other copy', async () => {
    loader(region);
    installer(region);
    writeFileSync(join(tree, 'bootloader'), 'a file');
    assert.deepEqual(await copy(), { ...NONE, added: 1 });
    assert.deepEqual(filesIn(INSTALLER), BOOKWORM);
  });

  test('the region offers only whole ones with readable names', async () => {
    loader(region);
    installer(region);
    putPart(region, 'amd64/generic/Own Release/install', BOOKWORM, { os: 'debian', title: '' });
    putPart(region, 'amd64/generic/Site/install', BOOKWORM, { os: 'debian', title: '' });
    putPart(region, 'amd64/generic/noble/install', { ...BOOKWORM, other: '' }, { os: 'ubuntu', title: '' });
    putPart(region, 'bootloader/pxe/amd64', { 'lpxelinux.0': 'long' }, { title: 'pxelinux' });
    writeFileSync(join(region, 'bootloader/pxe/amd64/lpxelinux.0'), 'cut');
    mkdirSync(join(region, 'bootloader/uefi/arm64'), { recursive: true });
    writeFileSync(join(region, 'bootloader/uefi/arm64/bootaa64.efi'), 'of a person');
    assert.deepEqual(await copy(), { ...NONE, added: 2 });
    assert.deepEqual(
      listTreeParts(tree).map(({ directory }) => directory),
      [LOADER, INSTALLER],
    );
  });

  test('another Rackboot that has the region as a source imports them as they are', async () => {
    loader(region);
    installer(region);
    const { url } = await serve();
    const [answer] = await ask(`${url}images-stream/`);
    assert.deepEqual(answer?.problems, []);
    const terms = { tree, downloads: place.queue(), nowMs: 0, workDir: scratch };
    for (const offer of answer?.offers ?? []) await importFirstItem([offer], terms, () => undefined);
    assert.deepEqual(facts(tree), facts(region));
    assert.deepEqual([filesIn(LOADER), filesIn(INSTALLER)], [UEFI, BOOKWORM]);
    assert.deepEqual(
      listTreeParts(tree).map(({ origin }) => origin?.source),
      ['lab', 'lab'],
    );
  });

  test('hostile boot loaders and installers are left out with a reason', async () => {
    const file = (ftype: string, tags: SiteFile['tags'] = {}): SiteFile => {
      return { ftype, path: `parts/${ftype}`, content: ftype, tags };
    };
    const product = (tags: object, files: Readonly<Record<string, SiteFile>>): SiteProduct => ({
      tags: { os: 'debian', release: 'bookworm', arch: 'amd64', label: 'installer', ...tags },
      versions: { '20261101': { files } },
    });
    const two = { linux: file('linux'), 'initrd.gz': file('initrd.gz') };
    const large = { size: Number.MAX_SAFE_INTEGER };
    const many = Array.from({ length: 257 }, (_, index) => [`file${index}`, file('bootloader')]);
    const uefi = { 'bootloader-type': 'uefi', label: 'stable' };
    const products: Record<string, SiteProduct> = {
      single: product({}, { linux: file('linux') }),
      release: product({ release: '../../etc' }, two),
      os: product({ os: 'No OS' }, two),
      large: product({}, { ...two, linux: file('linux', large) }),
      repeated: product({}, { ...two, other: file('linux') }),
      many: product(uefi, Object.fromEntries(many)),
      'io.rackboot:loader:path': product(uefi, { '../x': file('bootloader') }),
      size: product(uefi, { x: file('bootloader', large) }),
      manifest: product(uefi, { loader: { ...file('bootloader'), path: 'parts/manifest.json' } }),
    };
    const directory = join(scratch, 'hostile');
    writeStreamSite(join(directory, 'images-stream'), { hostile: products }, undefined);
    const { url } = await publish(directory);
    const [answer] = await ask(`${url}images-stream/`);
    assert.deepEqual(
      answer?.problems.map(({ message }) =>
        message.replace(/^the (?:installer|boot loader) .* of the source lab /, ''),
      ),
      [
        'has other files than linux, initrd.gz and installer.iso',
        'cannot be imported: "../../etc" cannot be the release of an image: use lower-case letters and digits, with . _ + - inside, at most 63 characters',
        'cannot be imported: "no os" cannot be the os of an image: use lower-case letters and digits, with . _ + - inside, at most 63 characters',
        "would have 9007199254741000 bytes, more than 2199023255552: the site's sizes are wrong",
        'has other files than linux, initrd.gz and installer.iso',
        'has more than 256 files',
        'has names that are not allowed in the boot tree',
        "would have 9007199254740991 bytes, more than 2199023255552: the site's sizes are wrong",
      ],
    );
    const [offer, ...others] = answer?.offers ?? [];
    assert.ok(offer?.kind === 'loader' && others.length === 0);
    await assert.rejects(importLoader(offer, { tree, downloads: place.queue() }), {
      code: 'bad-argument',
    });
  });
});
