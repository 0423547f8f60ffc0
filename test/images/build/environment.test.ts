// Builds the environment from small packages made here; test/long/environment.test.ts uses the real ones.

import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { newUuid } from '../../../src/ground/clock.ts';
import { buildEnvironment } from '../../../src/images/build/environment.ts';
import { createReplacementCheck } from '../../../src/images/run/tree-parts.ts';
import { allowReplacement, publishDirectory } from '../../../src/images/store/directory-publication.ts';
import { describeFile, encodeManifest } from '../../../src/images/store/publication.ts';
import { missing } from '../../support/needs.ts';
import { makeModule, makePackage, readCpio } from '../synthetic.ts';

const DRIVERS = 'lib/modules/9.9-test/kernel/drivers';

describe('the ephemeral environment', { skip: missing('dpkg-deb') }, () => {
  let scratch = '';
  let kernel = '';
  let busybox = '';
  let firmware = '';

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-images-'));
    kernel = makePackage(scratch, {
      name: 'linux-image-9.9-test',
      files: {
        'boot/vmlinuz-9.9-test': 'a kernel',
        'lib/modules/9.9-test/modules.builtin': 'kernel/fs/built-in.ko\n',
        [`${DRIVERS}/net/ethernet/nic.ko`]: makeModule(['name=nic', 'depends=mii', 'alias=pci:v0001d*']),
        [`${DRIVERS}/net/mii.ko`]: makeModule(['name=mii', 'depends=']),
        [`${DRIVERS}/net/ethernet/bnx2.ko.gz`]: gzipSync(makeModule(['name=bnx2', 'firmware=bnx2/one.fw'])),
        [`${DRIVERS}/ata/ahci.ko.zst`]: zstdCompressSync(makeModule(['name=ahci'])),
        [`${DRIVERS}/gpu/gpu.ko`]: makeModule(['name=gpu']),
      },
    });
    busybox = makePackage(scratch, { name: 'busybox-static', files: { 'bin/busybox': 'a busybox' } });
    firmware = makePackage(scratch, {
      name: 'firmware-bnx2',
      architecture: 'all',
      files: { 'lib/firmware/bnx2/one.fw': 'code', 'lib/firmware/bnx2/unused.fw': 'more' },
    });
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function build(name: string, packages: readonly string[] = [kernel, busybox]) {
    const tree = join(scratch, name, 'tree');
    const workDir = join(scratch, name, 'work');
    const published = await buildEnvironment({
      tree,
      arch: 'amd64',
      release: 'testing',
      packages,
      workDir,
      onProgress: () => undefined,
      mayReplace: createReplacementCheck(tree),
    });
    const files = new Map(
      readdirSync(published.directory).map((file) => [file, readFileSync(join(published.directory, file))]),
    );
    return { tree, workDir, published, files, entries: readCpio(gunzipSync(files.get('initrd.gz') ?? '')) };
  }

  test('is published as kernel, initrd and manifest under architecture, release and purpose', async () => {
    const { tree, workDir, published, files } = await build('layout');
    assert.equal(published.directory, join(tree, 'amd64/generic/testing/commissioning'));
    assert.deepEqual([...files.keys()].sort(), ['initrd.gz', 'linux', 'manifest.json']);
    assert.equal(files.get('linux')?.toString(), 'a kernel');
    assert.deepEqual(
      published.files.map(({ name, bytes }) => [name, bytes]),
      ['linux', 'initrd.gz', 'manifest.json'].map((name) => [name, files.get(name)?.length]),
    );
    assert.deepEqual(readdirSync(workDir), [], 'nothing unpacked is left behind');
    const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '');
    assert.equal(manifest.kernel, '9.9-test');
    assert.deepEqual(manifest.modules, ['ahci', 'nic', 'mii']);
    assert.deepEqual(
      manifest.packages.map((one: { name: string }) => one.name),
      ['linux-image-9.9-test', 'busybox-static'],
    );
  });

  test('is the same byte for byte when built from another directory, with another umask', async () => {
    const first = await build('one');
    const before = process.umask(0o077);
    const second = await build('some/where/else').finally(() => process.umask(before));
    assert.deepEqual(second.files, first.files);
    for (const name of ['linux', 'initrd.gz']) {
      assert.equal(statSync(join(second.published.directory, name)).mode & 0o777, 0o644);
    }
    assert.equal(statSync(second.published.directory).mode & 0o777, 0o755);
  });

  test('holds busybox, its scripts, and the drivers compressed with an index that names them plainly', async () => {
    const { entries } = await build('content');
    assert.equal(entries.get('bin/busybox')?.data.toString(), 'a busybox');
    for (const script of [
      'init',
      'sbin/modprobe',
      'lib/rackboot/environment',
      'lib/rackboot/lease',
      'bin/rackboot-say',
    ]) {
      assert.match(entries.get(script)?.data.toString() ?? '', /^#!\/bin\/busybox sh\n/, script);
      assert.equal(entries.get(script)?.mode, 0o100755, script);
    }
    const root = 'lib/modules/9.9-test';
    assert.equal(
      entries.get(`${root}/modules.dep`)?.data.toString(),
      'kernel/drivers/ata/ahci.ko:\nkernel/drivers/net/ethernet/nic.ko: kernel/drivers/net/mii.ko\nkernel/drivers/net/mii.ko:\n',
    );
    assert.equal(entries.get(`${root}/modules.alias`)?.data.toString(), 'alias pci:v0001d* nic\n');
    const packed = entries.get(`${root}/kernel/drivers/ata/ahci.ko.gz`)?.data ?? Buffer.alloc(0);
    assert.deepEqual(gunzipSync(packed), Buffer.from(makeModule(['name=ahci'])), 'every module as the package had it');
    assert.equal(
      [...entries.keys()].some((path) => path.includes('gpu')),
      false,
    );
  });

  test('includes firmware that its drivers ask for, and then the drivers that need it', async () => {
    const without = await build('no-firmware');
    assert.equal(
      [...without.entries.keys()].some((path) => path.includes('bnx2')),
      false,
    );
    const { entries } = await build('firmware', [firmware, busybox, kernel]);
    assert.deepEqual(
      [...entries.keys()].filter((path) => path.includes('bnx2')),
      ['lib/firmware/bnx2', 'lib/firmware/bnx2/one.fw', 'lib/modules/9.9-test/kernel/drivers/net/ethernet/bnx2.ko.gz'],
    );
  });

  test('replaces an older one completely, and deletes the leftovers of a killed build', async () => {
    const first = await build('again');
    const older = [...first.files]
      .map(([name, data]) => ({ name, data }))
      .filter(({ name }) => name !== 'manifest.json');
    const stale = { name: 'stale', data: Buffer.from('of an older build') };
    const manifest = encodeManifest({ schema: 1, packages: [], files: [...older, stale].map(describeFile) });
    await publishDirectory(first.published.directory, [...older, stale, manifest], allowReplacement);
    mkdirSync(join(first.published.directory, `../.commissioning.new-${newUuid()}`));
    const second = await build('again');
    assert.deepEqual(second.files, first.files);
    assert.deepEqual(readdirSync(join(second.published.directory, '..')), ['commissioning']);
  });

  test('several published at once end with one whole directory, and nothing unfinished', async () => {
    const directory = join(scratch, 'at-once', 'commissioning');
    const contentOf = (text: string) => ['linux', 'initrd.gz'].map((name) => ({ name, data: Buffer.from(text) }));
    for (let round = 0; round < 10; round += 1) {
      const texts = ['a', 'b', 'c', 'd'];
      await Promise.all(texts.map((text) => publishDirectory(directory, contentOf(text), allowReplacement)));
      const [kernel, initrd] = ['linux', 'initrd.gz'].map((name) => readFileSync(join(directory, name), 'utf8'));
      assert.equal(kernel, initrd);
      assert.deepEqual(readdirSync(join(directory, '..')), ['commissioning']);
    }
  });

  const refusals: readonly [string, () => readonly string[], RegExp][] = [
    ['no packages', () => [], /needs one linux-image package and one busybox-static; there are 0 and 0/],
    ['a kernel alone', () => [kernel], /there are 1 and 0 among: linux-image-9.9-test/],
    [
      'packages of another architecture',
      () => [
        makePackage(mkdtempSync(join(scratch, 'other-')), { name: 'busybox-static', architecture: 'arm64', files: {} }),
      ],
      /is for arm64; use packages for amd64/,
    ],
    [
      'a kernel without modules',
      () => [makePackage(mkdtempSync(join(scratch, 'bare-')), { name: 'linux-image-bare', files: {} }), busybox],
      /has no modules/,
    ],
    [
      'a kernel package without a kernel',
      () => {
        const files = { [`${DRIVERS}/net/mii.ko`]: '' };
        return [makePackage(mkdtempSync(join(scratch, 'empty-')), { name: 'linux-image-empty', files }), busybox];
      },
      /has no boot\/vmlinuz-9\.9-test/,
    ],
    [
      'a module that is not an ELF file',
      () => {
        const files = { [`${DRIVERS}/ata/ahci.ko`]: 'text', 'boot/vmlinuz-9.9-test': '' };
        return [makePackage(mkdtempSync(join(scratch, 'bad-')), { name: 'linux-image-bad', files }), busybox];
      },
      /ahci\.ko of the kernel package is not a module/,
    ],
    [
      'a file that is not a package',
      () => [join(scratch, 'linux-image-9.9-test-root/boot/vmlinuz-9.9-test')],
      /dpkg-deb .* failed/,
    ],
  ];
  for (const [name, packages, message] of refusals) {
    test(`is not built from ${name}`, async () => {
      await assert.rejects(build('refused', packages()), { message });
    });
  }

  test('has the kernel that is not compressed, as on RISC-V', async () => {
    const files = { 'boot/vmlinux-9.9-test': 'an uncompressed kernel', 'lib/modules/9.9-test/modules.builtin': '' };
    const bare = makePackage(mkdtempSync(join(scratch, 'vmlinux-')), { name: 'linux-image-vmlinux', files });
    const { files: built } = await build('vmlinux', [bare, busybox]);
    assert.equal(built.get('linux')?.toString(), 'an uncompressed kernel');
  });

  test('replaces an earlier one, but no files of a person and no link', async () => {
    const { published } = await build('own-files');
    const { directory } = published;
    writeFileSync(join(directory, '.linux.damaged'), 'kept by a check');
    await build('own-files');
    writeFileSync(join(directory, 'notes'), 'mine');
    const words = /commissioning\/notes" was not put there by an import/;
    await assert.rejects(build('own-files'), { code: 'bad-argument', message: words });
    assert.deepEqual(readdirSync(directory).toSorted(), ['initrd.gz', 'linux', 'manifest.json', 'notes']);
    rmSync(join(directory, 'notes'));
    writeFileSync(join(directory, 'manifest.json'), '{');
    await assert.rejects(build('own-files'), {
      code: 'already-exists',
      message: /manifest\.json is damaged: .*images remove amd64\/generic\/testing\/commissioning` moves the files/,
    });
    rmSync(join(directory, 'manifest.json'));
    await assert.rejects(build('own-files'), {
      code: 'already-exists',
      message: /files that no import put there: move it/,
    });
    renameSync(directory, join(scratch, 'person'));
    symlinkSync(join(scratch, 'person'), directory);
    await assert.rejects(build('own-files'), {
      code: 'store-unwritable',
      message: /commissioning is a link, and nothing/,
    });
    assert.deepEqual(readdirSync(join(scratch, 'person')).toSorted(), ['initrd.gz', 'linux']);
  });

  test('is not built for a release whose name leaves the tree', async () => {
    const request = {
      tree: scratch,
      arch: 'amd64',
      release: '../x',
      packages: [],
      workDir: scratch,
      onProgress: () => undefined,
      mayReplace: allowReplacement,
    };
    await assert.rejects(buildEnvironment(request), { code: 'bad-argument' });
  });
});
