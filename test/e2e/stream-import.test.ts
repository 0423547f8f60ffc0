// `rackboot images import` of MAAS's streams as a person types it: a site on loopback with every content id and type of file that MAAS has,
// signed by a real key. An imported image is in the boot tree under MAAS's names, and the region imports it, too.
// @host waits, 20 s
// @long more

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { describeStore } from '../../src/images/sources/own-stream.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeExtHead, makeRootTar, makeSquashfs } from '../images/disks.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack, runRackboot, well } from '../support/running-rack.ts';
import {
  type SiteContent,
  type SiteFile,
  type SiteProduct,
  WHOLE_SITE,
  writeStreamSite,
} from '../support/stream-site.ts';

const MAAS = 'com.ubuntu.maas:stable:v3:download';
const CENTOS = 'com.ubuntu.maas:stable:centos-bases-download';
const LOADERS = 'com.ubuntu.maas:stable:1:bootloader-download';
const TREE_FILES = ['boot-initrd', 'boot-kernel', 'squashfs', 'squashfs.manifest'];

describe("import of MAAS's streams", { skip: missing('linux', 'gpg', 'xz', 'bzip2', 'tar') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-streams-'));
  const site = join(scratch, 'site');
  const gpg = new GpgHome();
  const asked: string[] = [];
  let server: Server;
  let url = '';
  let sources = '';
  let tree = '';
  let signer: { home: GpgHome; key: string };

  /** An archive of real tar with these files. @param words further ones of tar */
  function archiveOf(files: Readonly<Record<string, string>>, ...words: readonly string[]): Buffer {
    const root = mkdtempSync(join(scratch, 'archive-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
    const named = words.length > 0 ? words : ['.'];
    const { status, stdout, stderr } = spawnSync('tar', ['-C', root, '-cJf', '-', ...named]);
    assert.equal(status, 0, String(stderr));
    return stdout;
  }

  const rootOf = (path: string): Buffer => makeRootTar({ './etc/os-release': path, './usr/bin/true': '#!' });
  const packed = (program: string, bytes: Buffer): Buffer => execFileSync(program, ['-c'], { input: bytes });

  /** The site with contents that begin as what they are. */
  function realistic(content: SiteContent): SiteContent {
    const begin: Readonly<Record<string, (path: string) => Uint8Array>> = {
      squashfs: makeSquashfs,
      'root-tgz': (path) => gzipSync(rootOf(path)),
      'root-image.gz': (path) => gzipSync(makeExtHead(path)),
      'root-tbz': (path) => packed('bzip2', rootOf(path)),
      'root-txz': (path) => packed('xz', rootOf(path)),
      'archive.tar.xz': (path) =>
        archiveOf(path.includes('shim') ? { 'bootx64.efi': 'a shim' } : { 'grubx64.efi': `grub ${path}` }),
    };
    const fileOf = (file: SiteFile): SiteFile => ({
      ...file,
      content: begin[file.ftype]?.(file.path) ?? file.content,
    });
    const map = <T>(record: Readonly<Record<string, T>>, make: (value: T) => T): Record<string, T> =>
      Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]));
    const productOf = (product: SiteProduct): SiteProduct => ({
      ...product,
      versions: map(product.versions, (version) => ({ ...version, files: map(version.files, fileOf) })),
    });
    return map(content, (products) => map(products, productOf));
  }

  before(async () => {
    signer = { home: gpg, key: gpg.makeKey('site') };
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    writeStreamSite(site, realistic(WHOLE_SITE), signer);
    server = createServer((request, response) => {
      asked.push(String(request.url));
      const file = join(site, String(request.url));
      if (!existsSync(file) || !statSync(file).isFile()) response.writeHead(404).end();
      else response.end(readFileSync(file));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    sources = writeSources(url, 'sources.yaml');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
    asked.length = 0;
  });

  /** @param more further sources of Ubuntu, which replace shipped ones */
  function writeSources(at: string, name: string, more: readonly string[] = []): string {
    const path = join(scratch, name);
    const rest = `kind: simplestreams, url: "${at}", arches: { amd64: amd64, arm64: arm64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }`;
    const source = (label: string, os: string, id: string): string =>
      `  - { name: ${label}, title: Site, os: ${os}, content_ids: ["${id}"], ${rest} }\n`;
    writeFileSync(
      path,
      `sources:\n${more.map((label) => source(label, 'ubuntu', MAAS)).join('')}${source('maas', 'ubuntu', MAAS)}${source('maas-centos', 'centos', CENTOS)}${source('maas-loaders', 'bootloader', LOADERS)}`,
    );
    return path;
  }

  const imported = (name: string, ...given: readonly string[]) =>
    runRackboot(['images', 'import', name, '--tree', tree, '--sources', sources, ...given]);
  const manifests = (): readonly string[] => readdirSync(join(tree, 'images', '.manifests'));

  test('kernel, initrd and squashfs are in the tree under the names of MAAS, as links to the store', async () => {
    await well(imported('ubuntu/noble', '--source', 'maas'));
    for (const subarch of ['ga-24.04', 'generic']) {
      const directory = join(tree, 'ubuntu/amd64', subarch, 'noble/stable');
      assert.deepEqual(readdirSync(directory).sort(), TREE_FILES);
      assert.equal(
        readFileSync(join(directory, 'boot-kernel'), 'utf8'),
        'noble/amd64/20261015.1/ga-24.04/generic/boot-kernel\n',
      );
      assert.equal(statSync(join(directory, 'squashfs')).nlink, 2);
    }
    assert.equal(readdirSync(join(tree, 'images', 'systems')).length, 1, 'both names lead to one directory');
    assert.deepEqual(manifests(), ['ubuntu~noble~amd64~generic~stable~20261015.1.json']);
    assert.deepEqual(readdirSync(join(tree, 'images', '.downloads')), []);
  });

  test('a boot loader is unpacked into its directory', async () => {
    await well(imported('bootloader/uefi'));
    const directory = join(tree, 'bootloader/uefi/amd64');
    assert.deepEqual(readdirSync(directory).sort(), ['bootx64.efi', 'grubx64.efi', 'manifest.json']);
    assert.equal(readFileSync(join(directory, 'bootx64.efi'), 'utf8'), 'a shim');
    await well(imported('bootloader/pxe'));
    assert.ok(existsSync(join(tree, 'bootloader/pxe/amd64/pxelinux.0')));
  });

  test('a source of the API brings the selected kernels, too', async () => {
    const rack = new RunningRack(labPlace(101));
    try {
      await rack.startWhole();
      const post = (path: string, fields: Readonly<Record<string, string>>) =>
        askDaemon(rack.stateDir, `/MAAS/api/2.0/${path}`, 'POST', new URLSearchParams(fields).toString());
      const keys = Buffer.from(gpg.export(['site'])).toString('base64');
      const { id } = (await post('boot-sources/', { url, keyring_data: keys })) as { readonly id: number };
      const selection = { os: 'ubuntu', release: 'noble', arches: 'amd64', subarches: '*', labels: 'stable' };
      await post(`boot-sources/${id}/selections/`, selection);
      await post('boot-resources/?op=import', {});
      for (const subarch of ['generic', 'ga-24.04', 'ga-24.04-lowlatency', 'hwe-24.04']) {
        const directory = join(rack.tree, 'ubuntu/amd64', subarch, 'noble/stable');
        await eventually(`${subarch} is in the tree`, () => existsSync(join(directory, 'squashfs')));
        assert.deepEqual(readdirSync(directory).sort(), TREE_FILES);
      }
      assert.equal(asked.filter((path) => path.endsWith('/squashfs')).length, 1);
      // A rack copies them from the region's own stream, which names all their files.
      const { files } = describeStore(readImages(rack.tree).images, 0);
      const kernel = join(rack.tree, 'ubuntu/amd64/hwe-24.04/noble/stable/boot-kernel');
      const hash = createHash('sha256').update(readFileSync(kernel)).digest('hex');
      assert.ok([...files.values()].some(({ sha256 }) => sha256 === hash));
      // No file names the source: the region tells it to the command.
      const right = readFileSync(kernel);
      writeFileSync(kernel, right.toString().toUpperCase());
      const others = writeSources(`${url}gone/`, 'others.yaml', ['ubuntu']);
      const fsck = (): ReturnType<typeof runRackboot> =>
        runRackboot(['images', 'fsck', '--config', rack.configFile, '--sources', others]);
      await well(fsck());
      assert.deepEqual(readFileSync(kernel), right);
      await rack.stop();
      writeFileSync(kernel, right.toString().toUpperCase());
      const { code: alone, complaints: problems } = await fsck();
      assert.equal(alone, 1);
      assert.ok(
        problems.some((line) => line.includes(`its source ${url} is unknown here; the region`)),
        problems.join('\n'),
      );
    } finally {
      await rack.remove();
    }
  });

  test('the region imports selected boot loaders, downloads none again, mends a damaged one, and removes a deleted one', async () => {
    const rack = new RunningRack(labPlace(101));
    try {
      await rack.startWhole();
      const ask = (method: 'GET' | 'POST' | 'DELETE', path: string, fields: Readonly<Record<string, string>> = {}) =>
        askDaemon(
          rack.stateDir,
          `/MAAS/api/${path}`,
          method,
          method === 'GET' ? undefined : new URLSearchParams(fields).toString(),
        );
      const keys = Buffer.from(gpg.export(['site'])).toString('base64');
      const added = await ask('POST', '2.0/boot-sources/', { url, keyring_data: keys });
      const { id } = added as { readonly id: number };
      const rackboot = (...words: readonly string[]) => rack.rackboot('images', ...words);
      const selected = await rackboot('selections', 'add', String(id), 'bootloader/uefi', '--arches', 'amd64');
      assert.equal(selected.code, 0, selected.complaints.join('\n'));
      // MAAS 1.x knows sources of a cluster; the region imports for all.
      await ask('POST', '1.0/boot-resources/?op=import');
      const grub = join(rack.tree, 'bootloader/uefi/amd64/grubx64.efi');
      const archives = (): number => asked.filter((path) => path.endsWith('.tar.xz')).length;
      const isIdle = (): Promise<unknown> =>
        eventually(
          'no import is under way',
          async () => (await ask('GET', '2.0/boot-resources/?op=is_importing')) === false,
        );
      await eventually('the loader is in the tree', () => existsSync(grub));
      await isIdle();
      assert.equal(archives(), 2);
      const right = readFileSync(grub, 'utf8');
      const find = async () =>
        ((await ask('GET', '2.0/boot-resources/')) as readonly Record<string, unknown>[]).find(
          ({ name }) => name === 'bootloader/uefi',
        );
      const listed = await find();
      assert.deepEqual(
        [listed?.type, listed?.architecture, listed?.label, listed?.complete, listed?.progress],
        ['Synced', 'amd64/generic', 'stable', true, 100],
      );
      const whole = (await ask('GET', `2.0/boot-resources/${listed?.id}/`)) as {
        readonly sets: Readonly<Record<string, { readonly files: object }>>;
      };
      assert.deepEqual(
        Object.entries(whole.sets).map(([serial, { files }]) => [serial, Object.keys(files).sort()]),
        [['20221029.0', ['bootx64.efi', 'grubx64.efi']]],
      );
      const again = await well(rackboot('import'));
      assert.match(again, /^bootloader\/uefi\/amd64\/generic\/stable: done: 20221029\.0 is already there$/m);
      assert.equal(archives(), 2);
      writeFileSync(grub, 'damaged');
      await rackboot('import');
      assert.equal(readFileSync(grub, 'utf8'), right);
      assert.match(
        (await rackboot('list')).output.join('\n'),
        /^bootloader\/uefi\/amd64\/generic\/stable\/20221029\.0 +grub-efi-signed/m,
      );
      await ask('DELETE', `2.0/boot-resources/${listed?.id}/`);
      await eventually('it is deleted', () => !existsSync(join(rack.tree, 'bootloader/uefi/amd64')));
      assert.equal(await find(), undefined);
      await rackboot('import');
      assert.equal(readFileSync(grub, 'utf8'), right, 'while it is selected, the next import fetches it again');
    } finally {
      await rack.remove();
    }
  });

  if (!HAS_MANY_ROUNDS) return;

  const roots = ['root-tgz', 'root-tbz', 'root-txz', 'root-image.gz'];
  for (const [index, ftype] of roots.entries())
    test(`a root as ${ftype} is in the tree`, async () => {
      const release = `centos${70 + index}`;
      await well(imported(`centos/${release}`));
      const directory = join(tree, 'centos/amd64/generic', release, 'stable');
      assert.deepEqual(readdirSync(directory).sort(), ['manifest', ftype]);
      assert.equal(manifests()[0], `centos~${release}~amd64~generic~stable~20240501.1.json`);
    });

  test('another kernel is named by its subarchitecture, and shares the squashfs, which is downloaded once', async () => {
    for (const more of [[], ['--subarch', 'hwe-24.04'], ['--subarch', 'ga-24.04-lowlatency'], []]) {
      await well(imported('ubuntu/noble', '--source', 'maas', ...more));
    }
    assert.deepEqual(readdirSync(join(tree, 'ubuntu/amd64')).sort(), [
      'ga-24.04',
      'ga-24.04-lowlatency',
      'generic',
      'hwe-24.04',
    ]);
    assert.equal(asked.filter((path) => path.endsWith('/squashfs')).length, 1);
    const { code, output } = await runRackboot(['images', 'fsck', '--tree', tree, '--sources', sources]);
    assert.equal(code, 0, output.join('\n'));
  });

  test('a device tree comes along for arm64', async () => {
    await well(imported('ubuntu/noble', '--source', 'maas', '--arch', 'arm64'));
    const directory = join(tree, 'ubuntu/arm64/ga-24.04/noble/stable');
    assert.deepEqual(readdirSync(directory).sort(), ['boot-dtb', ...TREE_FILES]);
  });

  describe('refuses', () => {
    const outside = 'stolen';
    const refused: readonly (readonly [name: string, content: () => Uint8Array, complaint: RegExp])[] = [
      [
        'a name with ..',
        () => archiveOf({ a: 'x' }, '--transform', 's,a,../stolen,', '-P', 'a'),
        /"\.\.\/stolen", which leads out of the archive/,
      ],
      [
        'an absolute name',
        () => archiveOf({ a: 'x' }, '--transform', 's,a,/stolen,', '-P', 'a'),
        /"\/stolen", which leads out of the archive/,
      ],
      [
        'a link',
        () => {
          const root = mkdtempSync(join(scratch, 'link-'));
          spawnSync('ln', ['-s', '/etc/passwd', join(root, 'grubx64.efi')]);
          return spawnSync('tar', ['-C', root, '-cJf', '-', '.']).stdout;
        },
        /"\.\/grubx64\.efi" is not a plain file/,
      ],
      ['a cut end', () => archiveOf({ a: 'x'.repeat(5000) }).subarray(0, 90), /is damaged/],
      [
        'a bomb',
        () => spawnSync('sh', ['-c', 'head -c 400000000 /dev/zero | xz -0']).stdout,
        /expands to more than 268435456 bytes|is not a tar archive/,
      ],
    ];
    for (const [name, content, complaint] of refused)
      test(`an archive with ${name}, and nothing of it gets into the tree`, async () => {
        const own = join(site, 'hostile');
        mkdirSync(own, { recursive: true });
        const product = {
          tags: { os: 'grub-efi-signed', arch: 'amd64', label: 'stable', 'bootloader-type': 'uefi' },
          versions: {
            '20260101.0': { files: { it: { ftype: 'archive.tar.xz', path: 'it.tar.xz', content: content() } } },
          },
        };
        writeStreamSite(own, { [LOADERS]: { product } }, signer);
        const path = writeSources(`${url}hostile/`, 'hostile.yaml');
        const { code, complaints } = await runRackboot([
          'images',
          'import',
          'bootloader/uefi',
          '--tree',
          tree,
          '--sources',
          path,
        ]);
        assert.equal(code, 2);
        assert.match(complaints.join('\n'), complaint);
        assert.equal(existsSync(join(tree, 'bootloader')), false);
        assert.equal(existsSync(join(tree, outside)), false);
      });
  });
});
