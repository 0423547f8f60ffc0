// A bundle of images: from one boot tree to another by the commands, and everything that a hostile one may be.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { viewBytes } from '../../../src/ground/borrowed-bytes.ts';
import { addImage } from '../../../src/images/content/image-adding.ts';
import { SystemInspector } from '../../../src/images/content/image-system.ts';
import { encodeTarHeader, paddedBytes } from '../../../src/images/content/tar-header.ts';
import { estimateRootDiskBytes } from '../../../src/images/run/root-check.ts';
import { listTreeParts } from '../../../src/images/run/tree-parts.ts';
import {
  blobPath,
  encodeImage,
  formatImageName,
  listBlobs,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
import { refreshTree } from '../../../src/images/store/system-tree.ts';
import { printedBy } from '../../support/printed.ts';
import { putPart } from '../../support/tree-part.ts';
import { KERNELS, type Kernel, startFile } from '../../support/two-kernels.ts';
import { makeDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const DAY = Date.UTC(2024, 0, 31, 12);
const UEFI = { 'bootx64.efi': 'a shim', 'grubx64.efi': 'grub', 'copy.efi': 'grub' };
const DISC = { linux: 'a kernel', 'initrd.gz': 'an initrd', 'installer.iso': 'a disc' };
const LOADER = 'bootloader/uefi/amd64';
const INSTALLER = 'amd64/generic/trixie/install';
const FETCHED = { fetched: ['ab'.repeat(32)] };
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a bundle', () => {
  let scratch = '';
  let from = '';
  let to = '';
  let path = '';
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-bundle-test-'));
    [from, to, path] = [join(scratch, 'from'), join(scratch, 'to'), join(scratch, 'images.tar')];
    for (const tree of [from, to]) mkdirSync(tree);
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  async function add(release: string, seed: number, compress: boolean): Promise<StoredImage> {
    const inspector = new SystemInspector('amd64');
    const content = makeDisk(3 * MIB, 'gpt', seed);
    const { image } = await addImage({
      onDisk: (piece) => inspector.inspect(piece),
      signs: () => inspector.signs(),
      tree: from,
      file: {
        bytes: content.length,
        read: async (at: number, length: number) =>
          Uint8Array.from(viewBytes(content, at, Math.min(content.length, at + length))),
      },
      fileName: 'given',
      name: { os: 'debian', release, architecture: 'amd64', subarchitecture: 'generic', label: 'release' },
      title: `Debian “${release}”`,
      compress,
      nowMs: DAY,
      origin: { source: 'site', algorithm: 'sha256', hex: 'ab'.repeat(32) },
      onProgress: () => undefined,
    });
    return image;
  }

  /** Puts a system into the store, whose root has the other one's bytes. */
  async function addSystem(kernel: Kernel): Promise<StoredImage> {
    const put = (content: string, format: 'squashfs' | 'file') => {
      const hash = sha256(Buffer.from(content));
      mkdirSync(dirname(join(from, blobPath(hash, format))), { recursive: true });
      writeFileSync(join(from, blobPath(hash, format)), content);
      return { sha256: hash, bytes: content.length };
    };
    const start = (['boot-initrd', 'boot-kernel'] as const).map((name) => {
      return { name, ...put(startFile(kernel, name), 'file') };
    });
    const files = [...start, { name: 'squashfs.manifest', ...put('dpkg\n', 'file') }];
    const root = put('hsqs of noble', 'squashfs');
    const image: StoredImage = {
      os: 'ubuntu',
      release: 'noble',
      architecture: 'amd64',
      subarchitecture: kernel === 'ga-24.04' ? 'generic' : kernel,
      label: 'stable',
      serial: '20261101',
      title: 'Noble',
      ...root,
      format: 'squashfs',
      diskBytes: estimateRootDiskBytes(root.bytes),
      partitionTable: 'none',
      system: { subarch: kernel, subarches: [kernel, 'generic'], rootName: 'squashfs', files },
      origin: { source: 'maas', algorithm: 'sha256', hex: root.sha256 },
    };
    mkdirSync(dirname(manifestPath(from, image)), { recursive: true });
    writeFileSync(manifestPath(from, image), encodeImage(image));
    await refreshTree(from, [image]);
    return image;
  }

  const putParts = (): void => {
    putPart(from, LOADER, UEFI, { ...FETCHED, title: 'a loader', serial: '20261101', label: 'stable' });
    putPart(from, INSTALLER, DISC, { ...FETCHED, title: 'Debian 13', serial: '20261102.1', os: 'debian' });
  };
  const images = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words]));
  const load = () => images('import', path, '--tree', to);
  const tryExport = (...names: readonly string[]) => images('export', ...names, path, '--tree', from);
  async function exported(...names: readonly string[]): Promise<Buffer> {
    rmSync(path, { force: true });
    const { result, complaint } = await tryExport(...names);
    assert.equal(result, 0, complaint);
    return readFileSync(path);
  }
  const leftovers = (): readonly string[] =>
    existsSync(join(to, 'images'))
      ? [...readdirSync(join(to, 'images')), ...readdirSync(join(to, 'images/.downloads'))].filter((name) =>
          /^\.part|^[0-9a-f]{64}/.test(name),
        )
      : [];
  /** An image as a bundle brings it: nobody has verified here where it came from. */
  function bundled(image: StoredImage): StoredImage {
    const { origin: _unverified, ...rest } = image;
    return { ...rest, bundle: 'images.tar' };
  }

  test('brings disks and systems into another tree, with bytes as they were, and manifests that name the bundle instead of their origins', async () => {
    const all = [await add('bookworm', 1, true), await add('trixie', 2, false), await add('forky', 1, true)];
    all.push(await addSystem('ga-24.04'), await addSystem('hwe-24.04'));
    await exported('debian', 'ubuntu');
    const { result, text, complaint } = await load();
    assert.equal(result, 0, complaint);
    for (const image of all) assert.match(text, new RegExp(`^Imported ${formatImageName(image)}: `, 'm'));
    assert.deepEqual(readImages(to).images, readImages(from).images.map(bundled));
    for (const { path: blob } of all.flatMap(listBlobs))
      assert.ok(readFileSync(join(to, blob)).equals(readFileSync(join(from, blob))));
    for (const kernel of KERNELS) {
      const directory = join(to, 'ubuntu/amd64', kernel, 'noble/stable');
      assert.deepEqual(readdirSync(directory).sort(), ['boot-initrd', 'boot-kernel', 'squashfs', 'squashfs.manifest']);
    }
    assert.deepEqual(leftovers(), []);
    assert.equal((await load()).text.match(/ is already there\.$/gm)?.length, 5);
    assert.deepEqual(readImages(to).images, readImages(from).images.map(bundled));
  });

  test('brings boot loaders and installers with the same files, names and serials, without an origin, once', async () => {
    putParts();
    await exported('bootloader', 'debian/trixie');
    const { result, text, complaint } = await load();
    assert.equal(result, 0, complaint);
    assert.match(text, /^Imported bootloader\/uefi\/amd64: 14 B$/m);
    assert.match(text, /^Imported installer\/debian\/trixie\/amd64: 23 B$/m);
    const facts = (tree: string) =>
      listTreeParts(tree).map(({ origin: _, system: _files, bytes: _bytes, sha256: _sha256, files, ...part }) => {
        return { ...part, files: files.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
      });
    assert.deepEqual(facts(to), facts(from));
    assert.deepEqual(
      listTreeParts(to).map(({ origin }) => origin),
      [undefined, undefined],
    );
    for (const [directory, files] of [[LOADER, UEFI] as const, [INSTALLER, DISC] as const])
      for (const [name, content] of Object.entries(files))
        assert.equal(readFileSync(join(to, directory, name), 'utf8'), content);
    assert.deepEqual(leftovers(), []);
    assert.match((await load()).text, /uefi\S+ is already there\.\n.*trixie\S+ is already there\./);
    writeFileSync(join(to, INSTALLER, 'linux'), 'a kernes');
    const checked = await images('fsck', '--tree', to);
    assert.match(
      checked.complaint,
      /it came with images\.tar; `.* images import \.\/images\.tar --tree \S+` brings it/,
    );
    assert.match((await load()).text, /^Imported installer\/debian\/trixie/m);
    assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'a kernel');
  });

  test('leaves an image that a source brought its origin, and refuses other bytes of its serial', async () => {
    const image = await add('bookworm', 1, true);
    await exported('debian');
    to = from;
    assert.match((await load()).text, / is already there\.$/m);
    assert.deepEqual(readImages(from).images, [image]);
    const other = await add('trixie', 2, true);
    await exported('debian/trixie');
    writeFileSync(manifestPath(from, other), encodeImage({ ...other, ...image, release: 'trixie' }));
    const { result, complaint } = await load();
    assert.equal(result, 1);
    assert.match(complaint, /^debian\/trixie\S+ was not imported: .*already exists with other bytes/);
  });

  test('replaces older boot loaders and installers of a bundle, but neither newer ones nor what did not come with one', async () => {
    putParts();
    await exported('bootloader', 'debian/trixie');
    putPart(to, LOADER, { old: 'old' }, { title: 'old', serial: '20260101', isBundled: true });
    const facts = { title: 'newer', serial: '20270101', os: 'debian' };
    putPart(to, INSTALLER, { linux: 'mine' }, { ...facts, isBundled: true });
    const { result, text, complaint } = await load();
    assert.equal(result, 0, complaint);
    assert.equal(existsSync(join(to, LOADER, 'old')), false);
    const words = 'the bundle has the serial 20261102.1, and this host has the newer 20270101.';
    assert.ok(text.includes(`Left installer/debian/trixie/amd64 as it is: ${words}\n`), text);
    for (const [further, why] of [
      [{ source: 'netboot' }, /this host has one that was made here: to replace it, remove it first/],
      [{ ...FETCHED, serial: '20200101' }, /this host has that of the source maas with the serial 20200101: to/],
      [{ isBundled: true, serial: '20200101' }, /thesis" was not put there by an import/],
    ] as const) {
      putPart(to, INSTALLER, { linux: 'mine' }, { ...facts, ...further });
      if ('isBundled' in further) writeFileSync(join(to, INSTALLER, 'thesis'), 'mine');
      const again = await load();
      assert.equal(again.result, 1);
      assert.match(again.complaint, /^installer\/debian\/trixie\/amd64 was not imported: /m);
      assert.match(again.complaint, why);
      assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'mine');
    }
  });

  test('is not made of damaged or missing content, or of an installer that no machine could start', async () => {
    const image = await addSystem('hwe-24.04');
    putParts();
    const kernel = join(from, blobPath(image.system?.files[1]?.sha256 ?? '', 'file'));
    for (const [name, spoil] of [
      ['ubuntu', () => writeFileSync(kernel, readFileSync(kernel, 'utf8').toUpperCase())],
      ['ubuntu', () => rmSync(kernel)],
      ['ubuntu', () => mkdirSync(kernel)],
      ['bootloader', () => writeFileSync(join(from, LOADER, 'bootx64.efi'), 'a sham')],
    ] as const) {
      spoil();
      const { result, complaint } = await tryExport(name);
      assert.notEqual(result, 0);
      assert.match(complaint, /is damaged, or its bytes are missing: `.*images fsck` repairs the store/);
      assert.equal(existsSync(path), false);
    }
    putPart(from, INSTALLER, { linux: 'a kernel' }, { title: 'Debian 13', serial: '20261102.1', os: 'debian' });
    assert.match((await tryExport('debian/trixie')).complaint, /names or files that another host would not import/);
  });

  test('that is cut anywhere adds nothing', async () => {
    await addSystem('hwe-24.04');
    const bundle = await exported('ubuntu');
    for (let length = 0; length <= bundle.length - 1024; length += 512 + 37) {
      writeFileSync(path, viewBytes(bundle, 0, length));
      const { result, complaint } = await load();
      assert.equal(result, 2, complaint);
    }
    assert.deepEqual(readdirSync(to), []);
  });

  test('with faulty images brings all others, and names each of the faulty ones', async () => {
    const all = [await add('bookworm', 1, false), await addSystem('hwe-24.04'), await add('trixie', 2, false)];
    const bundle = await exported('debian', 'ubuntu');
    for (const { path: blob } of all.slice(0, 2).map((image) => listBlobs(image)[0] ?? assert.fail())) {
      const at = bundle.lastIndexOf(readFileSync(join(from, blob)));
      bundle[at + 5] = (bundle[at + 5] ?? 0) ^ 1;
    }
    writeFileSync(path, bundle);
    const { result, text, complaint } = await load();
    assert.equal(result, 1);
    assert.match(text, /^Imported debian\/trixie/m);
    for (const image of all.slice(0, 2))
      assert.match(complaint, new RegExp(`^${formatImageName(image)} was not imported: .*sha256`, 'm'));
    assert.deepEqual(
      readImages(to).images.map(({ release }) => release),
      ['trixie'],
    );
    assert.deepEqual(
      leftovers().filter((name) => name.startsWith('.part')),
      [],
    );
  });

  test('that is hostile is refused by its first fault', async () => {
    await add('bookworm', 1, false);
    const files = filesOf(await exported('debian'));
    const [first = assert.fail(), index = assert.fail(), document = assert.fail(), content = assert.fail()] = files;
    const change = ([name, bytes]: TarEntry, was: RegExp, now: string): TarEntry => [
      name,
      Buffer.from(Buffer.from(bytes).toString('latin1').replace(was, now), 'latin1'),
    ];
    // A link has the type 2; the sum of its head is 2 larger than that of a file.
    const link = Buffer.from(encodeTarHeader({ name: '../../etc/cron.d/x', bytes: 0 }));
    const sum = Number.parseInt(link.toString('latin1', 148, 154), 8) + 2;
    link.write('2', 156, 'latin1');
    link.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
    const rows: readonly (readonly [bundle: Uint8Array, words: RegExp])[] = [
      [tar([first]), /it lacks streams\/v1\/index\.json/],
      [tar([first, index, content]), /it lacks streams\/v1\/io\.rackboot/],
      [tar([first, index, document]), /it lacks images\//],
      [tar([first, index, document, [content[0], Buffer.alloc(10)]]), /or has it with another size/],
      [tar([...files, content]), /it has two files/],
      [tar([...files, ['../../../etc/passwd', Buffer.from('x')]]), /"\.\.\/\.\.\/\.\.\/etc\/passwd", which belongs/],
      [tar([first, ['streams/v1/index.json', Buffer.from('{')], document, content]), /index\.json is damaged/],
      [tar([first, index, change(document, /"path": "[^"]*"/, '"path": "../../x"'), content]), /is damaged|it lacks/],
      [Buffer.concat([tar(files, 0), link, new Uint8Array(1024)]), /is not a plain file/],
      [Buffer.concat([tar([first], 0), encodeTarHeader({ name: 'x', bytes: 2 ** 50 }), content[1]]), /cut short/],
    ];
    for (const [bundle, words] of rows) {
      writeFileSync(path, bundle);
      const { result, complaint } = await load();
      assert.match(complaint, words);
      assert.equal(result, 2);
    }
    assert.deepEqual(readdirSync(to, { recursive: true }), ['images', 'images/.lock']);
    writeFileSync(
      path,
      tar([first, index, change(document, /"release": "bookworm"/, '"release": "../../x"'), content]),
    );
    assert.match((await load()).complaint, /cannot be imported: .*cannot be the release/);
    assert.deepEqual(existsSync(join(scratch, 'x')), false);
  });

  test('is an archive that tar(1) reads, whatever the size of its files', async () => {
    await add('bookworm', 1, true);
    await exported('debian');
    const names = execFileSync('tar', ['tf', path], { encoding: 'utf8' });
    assert.match(
      names,
      /^rackboot-images-1\nstreams\/v1\/index\.json\nstreams\/v1\/\S+\.json\nimages\/\S+\.img\.zst\n$/,
    );
    const bytes = 9 * 1024 ** 3;
    writeFileSync(path, encodeTarHeader({ name: 'x', bytes }));
    execFileSync('truncate', ['-s', String(512 + bytes + 1024), path]);
    assert.match(execFileSync('tar', ['tvf', path], { encoding: 'utf8' }), new RegExp(` ${bytes} `));
  });
});

type TarEntry = readonly [name: string, content: Uint8Array];

const tar = (files: readonly TarEntry[], end = 1024): Buffer =>
  Buffer.concat([
    ...files.flatMap(([name, content]) => [
      encodeTarHeader({ name, bytes: content.length }),
      content,
      new Uint8Array(paddedBytes(content.length) - content.length),
    ]),
    new Uint8Array(end),
  ]);

function filesOf(bundle: Buffer): readonly TarEntry[] {
  const files: TarEntry[] = [];
  for (let at = 0; bundle[at] !== 0; ) {
    const name = bundle.toString('latin1', at, at + 100).split('\0', 1)[0] ?? '';
    const bytes = Number.parseInt(bundle.toString('latin1', at + 124, at + 135), 8);
    files.push([name, bundle.subarray(at + 512, at + 512 + bytes)]);
    at += 512 + paddedBytes(bytes);
  }
  return files;
}
