// `images add` and `images import` of files and directories of this host: the root of a system in each form becomes the image that an upload
// of the same bytes becomes; everything else is named, with the command for it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { type FinishOrder, finishUpload } from '../../../src/images/make/finish-upload.ts';
import { writePart } from '../../../src/images/make/upload-part.ts';
import { blobPath, readImages, type StoredImage } from '../../../src/images/store/image-store.ts';
import { makeDisk, makeRootTar, makeSquashfsHead } from '../../images/disks.ts';
import { sha256 } from '../../images/download/download-place.ts';
import { COUNTED } from '../../support/counted-piece.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

describe('files and directories of this host', { skip: missing('linux', 'zstd', 'mksquashfs') }, () => {
  let scratch = '';
  let root = '';
  let tree = '';
  const at = (name: string): string => join(scratch, name);
  const run = (line: string): void => void execFileSync('sh', ['-ec', line], { cwd: scratch, stdio: 'pipe' });

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-local-'));
    root = at('system');
    for (const name of ['etc', 'usr/lib', 'usr/bin', 'boot', 'var/empty'])
      mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'usr/lib/os-release'), 'ID=test\n');
    writeFileSync(join(root, 'boot/initrd.img'), 'not the image of a disk');
    writeFileSync(join(root, 'usr/bin/tool'), 'program');
    linkSync(join(root, 'usr/bin/tool'), join(root, 'usr/bin/other'));
    chmodSync(join(root, 'usr/bin/tool'), 0o4755);
    symlinkSync('../usr/lib/os-release', join(root, 'etc/os-release'));
    symlinkSync('/etc/passwd', join(root, 'etc/outside'));
    symlinkSync('usr/bin', join(root, 'bin'));
    writeFileSync(join(root, 'var/sparse'), '');
    truncateSync(join(root, 'var/sparse'), 256 * 1024 * 1024);
    run('tar -C system --sparse -cf root.tar . && zstd -q root.tar && xz -k root.tar && gzip -k root.tar');
    run('mksquashfs system root.squashfs -quiet -no-progress');
    run('mkdir above && mv system above/inner && tar -C above -cf nested.tar inner && mv above/inner system');
    writeFileSync(at('disk.img'), makeDisk(1024 * 1024, 'mbr'));
    run('tar -czf disk.tar.gz disk.img && mkdir -p var/lib && cp disk.img var/lib/ && tar -cf below.tar var');
    writeFileSync(at('disc.iso'), Buffer.alloc(64 * 1024).fill('CD001', 32_769, 32_774));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));
  beforeEach(() => {
    tree = mkdtempSync(at('tree-'));
  });

  const BIG = 96 * 1024 * 1024;
  for (const [change, act] of [
    ['becomes shorter', (path: string) => truncateSync(path, BIG / 4)],
    ['becomes longer', (path: string) => appendFileSync(path, Buffer.alloc(512))],
    ['is written', (path: string) => writeFileSync(path, 'other bytes', { flag: 'r+' })],
  ] as const)
    for (const kind of ['disk', 'root'] as const)
      test(`a ${kind} that ${change} while it is copied is not added`, { timeout: 60_000 }, async () => {
        const path = at('changing');
        if (kind === 'disk') writeFileSync(path, makeDisk(BIG, 'gpt'));
        else {
          writeFileSync(join(root, 'var/big'), Buffer.alloc(BIG, 'x'));
          run('tar -C system --sparse -cf changing . && rm system/var/big');
        }
        let isActed = false;
        const parts = (): readonly string[] =>
          readdirSync(join(tree, 'images')).filter((name) => /^\.part-[0-9a-f-]+$/.test(name));
        const watch = setInterval(() => {
          if (isActed || !existsSync(join(tree, 'images')) || parts().length === 0) return;
          isActed = true;
          act(path);
        }, 1);
        try {
          const { result, complaint } = await printedBy(() =>
            runCommandLine(['images', 'add', path, ...NAMED, '--tree', tree]),
          );
          assert.deepEqual([isActed, result], [true, 2], complaint);
          assert.match(complaint, /changing changed while it was being read: .*sudo fuser/);
          assert.deepEqual(readImages(tree).images, []);
          assert.deepEqual(parts(), []);
        } finally {
          clearInterval(watch);
        }
      });

  test('a pipe is refused at once, by add, by import and by upload', { timeout: 20_000 }, async () => {
    run('mkfifo pipe.tar && echo one:two:three > key');
    const upload = ['images', 'upload', 'custom/x', at('pipe.tar'), '--url', 'http://127.0.0.1:9/MAAS', '--key-file'];
    for (const words of [
      ['images', 'add', at('pipe.tar'), ...NAMED, '--tree', tree],
      ['images', 'import', at('pipe.tar'), '--tree', tree],
      ['images', 'import-installer', at('pipe.tar'), '--tree', tree],
      [...upload, at('key')],
    ]) {
      const { result, complaint } = await printedBy(() => runCommandLine(words));
      assert.notEqual(result, 0);
      assert.match(complaint, /pipe\.tar is not a file: copy its content into one, and name that/);
    }
  });

  const images = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words, '--tree', tree]));
  const stored = (): readonly StoredImage[] => readImages(tree).images;
  const NAMED = ['--os', 'custom', '--release', 'x'];

  /** The manifest of the same bytes as an upload. */
  async function uploaded(bytes: Buffer, fileType: string): Promise<StoredImage | undefined> {
    const twin = mkdtempSync(at('twin-'));
    const part = { id: 1, sha256: sha256(bytes) };
    const content = (async function* () {
      yield bytes;
    })();
    assert.equal(await writePart(twin, part, { offset: 0, bytes: bytes.length, content, ...COUNTED }), 'written');
    const name = { os: 'custom', release: 'x', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };
    const order: FinishOrder = {
      ...part,
      tree: twin,
      title: 'Mine',
      fileType,
      nowMs: Date.now(),
      serialsElsewhere: [],
      name,
    };
    assert.equal((await finishUpload(order)).kind, 'added');
    return readImages(twin).images[0];
  }

  for (const [file, fileType] of [
    ['root.tar.gz', 'tgz'],
    ['root.tar.xz', 'txz'],
    ['root.squashfs', 'squashfs'],
  ] as const) {
    test(`${file} becomes the same image as its upload, by add and by import`, async () => {
      // The name of a file proves nothing.
      copyFileSync(at(file), join(tree, 'file'));
      const path = join(tree, 'file');
      const added = await images('add', path, ...NAMED, '--title', 'Mine');
      assert.equal(added.result, 0, added.complaint);
      assert.match(added.text, /Added custom\/x\/amd64\/generic\/release\/\d{8} from the root of a system/);
      assert.deepEqual(stored(), [await uploaded(readFileSync(at(file)), fileType)]);
      const [image] = stored();
      assert.deepEqual(readdirSync(join(tree, 'custom/amd64/generic/x/release')), [image?.system?.rootName]);
      const again = await images('import', path, ...NAMED);
      assert.match(again.text, /is already there, with the same bytes/);
      assert.equal(stored()[0]?.title, 'Mine');
      assert.equal(readdirSync(join(tree, 'images')).filter((name) => name.startsWith('.part')).length, 0);
    });
  }

  for (const [file, rootName] of [
    ['root.tar', 'root.tar'],
    ['root.tar.zst', 'root.tar.zst'],
  ] as const) {
    test(`${file} is the root of a system, too`, async () => {
      const { result, complaint } = await images('add', at(file), ...NAMED);
      assert.equal(result, 0, complaint);
      assert.deepEqual(
        stored().map(({ format, system }) => [format, system?.rootName]),
        [['root.tar', rootName]],
      );
    });
  }

  for (const file of ['disk.img', 'disk.tar.gz', 'below.tar']) {
    test(`${file} is the image of a disk`, async () => {
      const { result, complaint } = await images('import', at(file), ...NAMED);
      assert.equal(result, 0, complaint);
      assert.equal(stored()[0]?.partitionTable, 'mbr');
      assert.deepEqual(stored()[0]?.signs, { startsByBios: false, startsByUefi: false, hasCloudInit: false });
    });
  }

  test('a directory becomes an archive with its modes, links and holes, and nothing outside it', async () => {
    const { result, text, complaint } = await images('add', root, ...NAMED);
    assert.equal(result, 0, complaint);
    assert.match(text, /^Packing \S+\nAdded custom\/x\/\S+ from the root of a system \(root-tgz\)/);
    assert.match(
      text,
      /\nJudging by its content, it has no kernel in \/boot and no boot loader \(GRUB\), .*; it has no cloud-init, /m,
    );
    const [image] = stored();
    assert.ok(image !== undefined && image.bytes < 1024 * 1024);
    const archive = join(tree, blobPath(image.sha256, image.format));
    const listing = execFileSync('tar', ['tvzf', archive], { encoding: 'utf8' });
    assert.match(listing, /^-rwsr-xr-x \S+ .* \.\/usr\/bin\/(?:other|tool)$/m);
    assert.match(listing, /^hrwsr-xr-x .* \.\/usr\/bin\/tool link to \.\/usr\/bin\/other$/m);
    assert.match(listing, /\.\/etc\/outside -> \/etc\/passwd$/m);
    assert.match(listing, / 268435456 .* \.\/var\/sparse$/m);
    const out = mkdtempSync(at('out-'));
    execFileSync('tar', ['xzf', archive, '-C', out]);
    execFileSync('diff', ['-r', '--no-dereference', root, out]);
  });

  test('the same directory gives the same bytes', async () => {
    await images('add', root, ...NAMED);
    const again = await images('add', `${root}/`, ...NAMED);
    assert.match(again.text, /is already there/);
  });

  test('a directory that this user cannot read as a whole is refused, and nothing stays', {
    skip: process.getuid?.() === 0 ? missing('setpriv') : false,
  }, () => {
    const secret = join(root, 'etc/shadow');
    writeFileSync(secret, 'secret', { mode: process.getuid?.() === 0 ? 0o600 : 0 });
    chmodSync(scratch, 0o755);
    chmodSync(tree, 0o777);
    try {
      const main = join(dirname(dirname(dirname(import.meta.dirname))), 'src/main.ts');
      assert.ok(main);
      const words = ['images', 'add', root, ...NAMED, '--tree', tree];
      const script = `import { runCommandLine } from ${JSON.stringify(new URL('../../../src/cli/command-line.ts', import.meta.url).href)};
        if (process.getuid() === 0) { process.setgid(65534); process.setgroups([]); process.setuid(65534); }
        process.exitCode = await runCommandLine(${JSON.stringify(words)});`;
      const done = (() => {
        try {
          return execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'pipe' });
        } catch (error) {
          return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
        }
      })();
      assert.match(
        String(done),
        /cannot be added: \.\/etc\/shadow: Cannot open: Permission denied; run this with sudo/,
      );
      assert.deepEqual(readdirSync(join(tree, 'images')), ['.lock']);
    } finally {
      rmSync(secret, { force: true });
    }
  });

  test('a directory that has the boot tree in it is refused', async () => {
    tree = join(root, 'var/tree');
    mkdirSync(tree);
    const { result, complaint } = await images('add', root, ...NAMED);
    rmSync(tree, { recursive: true });
    assert.equal(result, 2);
    assert.match(complaint, /the boot tree \S+ is inside \S+: copy the system first/);
  });

  test('everything else is refused by what it is, with the whole command for it', async () => {
    const other = at('other');
    mkdirSync(join(other, 'some'), { recursive: true });
    mkdirSync(at('site/streams/v1'), { recursive: true });
    writeFileSync(at('site/streams/v1/index.sjson'), '');
    mkdirSync(at('netboot/debian-installer/amd64'), { recursive: true });
    writeFileSync(at('bundle.tar'), makeRootTar({ 'rackboot-images-1': '1 image\n' }));
    writeFileSync(at('netboot.tar.gz'), gzipSync(makeRootTar({ './debian-installer/amd64/linux': 'x' })));
    writeFileSync(at('cut.squashfs'), makeSquashfsHead(97));
    writeFileSync(at('cut.tar.xz'), readFileSync(at('root.tar.xz')).subarray(0, -40));
    writeFileSync(at('half.tar'), makeRootTar({ 'etc/passwd': 'x' }));
    const add = (path: string) => images('add', at(path), ...NAMED);
    const load = (path: string) => images('import', at(path));
    const rows: readonly (readonly [typeof add, path: string, words: RegExp])[] = [
      [
        load,
        'root.tar.xz',
        /the root of a system.*: sudo \S.*images add \S+root\.tar\.xz --os custom --release root$/m,
      ],
      [
        load,
        'disk.tar.gz',
        /if it is the image of a disk, .*: sudo \S.*images add \S+disk\.tar\.gz --os custom --release disk$/m,
      ],
      [load, 'system', /the root of a system.*: sudo \S.*images add \S+system --os custom --release system$/m],
      [load, 'other', /it lacks etc\/os-release or usr/],
      [add, 'other', /it lacks etc\/os-release or usr; .* or one file$/m],
      [load, 'site', /serve its directory by a web server.*: sudo \S.*images sources add http:\S+ --keyring \S+$/m],
      [load, 'netboot', /is a network installer: sudo \S.*images import-installer \S+netboot$/m],
      [add, 'netboot.tar.gz', /is a network installer: sudo \S.*images import-installer \S+netboot\.tar\.gz$/m],
      [add, 'bundle.tar', /is a bundle of images: sudo \S.*images import \S+bundle\.tar$/m],
      [add, 'disc.iso', /an optical disc; .*: sudo \S.*images import \S+disc\.iso$/m],
      [
        add,
        'nested.tar',
        /has a system in its directory inner, .* sudo \S.*images add new\/inner --os custom --release nested$/m,
      ],
      [add, 'cut.squashfs', /the squashfs was cut short/],
      [add, 'cut.tar.xz', /it is damaged or cut short: copy it again/],
      [add, 'half.tar', /has no etc\/ and usr\/, .*: pack the whole system/],
    ];
    for (const [command, path, words] of rows) {
      const { result, complaint } = await command(path);
      assert.match(complaint, words, path);
      assert.equal(result, 2, path);
      assert.deepEqual(stored(), []);
    }
    const reserved = await images('add', at('root.tar.xz'), '--os', 'grub', '--release', 'x');
    assert.match(reserved.complaint, /the boot tree already uses the name grub/);
    const named = await images('import', 'ubuntu/noble', '--os', 'ubuntu');
    assert.match(named.complaint, /--os is only for a file of this host/);
    const packed = await images('add', at('root.tar.xz'), ...NAMED, '--compress');
    assert.match(packed.complaint, /--compress is only for the images of disks/);
  });
});
