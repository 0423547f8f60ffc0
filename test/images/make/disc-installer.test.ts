// The installer on a disc of Ubuntu's live server: a disc that genisoimage makes, with and without Rock Ridge, and discs that are damaged.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findImage } from '../../../src/boot/images.ts';
import { importDisc } from '../../../src/images/make/disc-installer.ts';
import { listTreeInstallers } from '../../../src/images/store/installer-tree.ts';
import { missing } from '../../support/needs.ts';
import { runRackboot } from '../../support/running-rack.ts';
import { bytesOf } from '../disks.ts';

const KERNEL = Buffer.from('a kernel '.repeat(1000));
const INITRD = Buffer.alloc(3_000_001, 7);
const INFO = 'Ubuntu-Server 24.04.1 LTS "Noble Numbat" - Release arm64 (20240827)';

describe('the disc of Ubuntu’s live server', { skip: missing('genisoimage', 'bsdtar') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-iso-'));
  const tree = join(scratch, 'tree');
  let count = 0;

  /** Makes a disc of files. */
  const makeDisc = (files: Readonly<Record<string, Uint8Array | string>>, ...options: readonly string[]): string => {
    count += 1;
    const directory = join(scratch, `disc-${count}`);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(directory, name, '..'), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    execFileSync('genisoimage', ['-quiet', ...options, '-o', `${directory}.iso`, directory]);
    return `${directory}.iso`;
  };
  const whole = { 'casper/vmlinuz': KERNEL, 'casper/initrd': INITRD, '.disk/info': INFO, 'casper/some.squashfs': 'x' };
  const from = (image: Uint8Array, more: { readonly release?: string } = {}) =>
    importDisc({
      tree,
      file: bytesOf(image),
      fileName: 'a.iso',
      arch: 'amd64',
      release: more.release,
      onProgress: () => undefined,
    });

  before(() => mkdirSync(tree));
  after(() => rmSync(scratch, { recursive: true }));

  test('with an empty kernel or initrd replaces nothing', async () => {
    for (const name of ['casper/vmlinuz', 'casper/initrd']) {
      const disc = readFileSync(makeDisc({ ...whole, [name]: '' }));
      await assert.rejects(from(disc), { code: 'bad-argument', message: /its kernel or initrd is empty/ });
    }
    assert.equal(existsSync(join(tree, 'arm64')), false);
  });

  test('is taken apart by the command, shown by its title, and is what a machine boots', async () => {
    const disc = makeDisc(whole, '-R', '-J');
    const { code, output, complaints } = await runRackboot(['images', 'import', disc, '--tree', tree]);
    assert.equal(code, 0, complaints.join('\n'));
    assert.match(
      output.join('\n'),
      /^100 % of .*\nUbuntu-Server 24\.04\.1 LTS for arm64: deploy it as ubuntu\/noble with --by installer\n/m,
    );
    const directory = join(tree, 'arm64/generic/noble/install');
    const read = (name: string): Buffer => readFileSync(join(directory, name));
    assert.deepEqual([read('linux').equals(KERNEL), read('initrd.gz').equals(INITRD)], [true, true]);
    assert.ok(read('installer.iso').equals(readFileSync(disc)));
    const hardware = { architecture: 'arm64', subarchitecture: 'generic' };
    assert.deepEqual(listTreeInstallers(tree, hardware), [
      { release: 'noble', os: 'ubuntu', title: 'Ubuntu-Server 24.04.1 LTS' },
    ]);
    const listed = await runRackboot(['images', 'list', '--tree', tree]);
    assert.match(
      listed.output.join('\n'),
      /^INSTALLER +ARCHITECTURE +TITLE\nubuntu\/noble +arm64 +Ubuntu-Server 24\.04\.1 LTS$/m,
    );
    const query = { ...hardware, releases: ['noble'], directory: 'install' } as const;
    assert.equal(
      findImage(query, (path) => existsSync(join(tree, path)))?.iso,
      'arm64/generic/noble/install/installer.iso',
    );
    assert.deepEqual(readdirSync(join(tree, 'images')), ['.lock'], 'no copy stays');
    const manifest = JSON.parse(read('manifest.json').toString('utf8'));
    const sha256 = createHash('sha256').update(KERNEL).digest('hex');
    assert.deepEqual(manifest.files[0], { name: 'linux', bytes: KERNEL.length, sha256 });
  });

  test('without Rock Ridge has the names of ISO 9660, and a release that is given', async () => {
    const disc = makeDisc({ 'casper/vmlinuz': KERNEL, 'casper/initrd': INITRD }, '-iso-level', '2');
    const image = readFileSync(disc);
    await assert.rejects(from(image), {
      code: 'bad-argument',
      message: /does not say its release: give it with --release/,
    });
    const { directory, title } = await from(image, { release: 'jammy' });
    assert.deepEqual([directory, title], [join(tree, 'amd64/generic/jammy/install'), 'Ubuntu jammy']);
  });

  test('has directories of several sectors, and names that are links to one content', async () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`casper/${'long-'.repeat(12)}${at}`, '']));
    const files = join(scratch, 'linked');
    mkdirSync(join(files, 'casper'), { recursive: true });
    writeFileSync(join(files, 'casper/hwe-vmlinuz'), KERNEL);
    linkSync(join(files, 'casper/hwe-vmlinuz'), join(files, 'casper/vmlinuz'));
    const { directory } = await from(readFileSync(makeDisc({ ...many, ...whole }, '-R')));
    assert.ok(readFileSync(join(directory, 'linux')).equals(KERNEL));
    writeFileSync(join(files, 'casper/initrd'), INITRD);
    execFileSync('genisoimage', ['-quiet', '-R', '-cache-inodes', '-o', `${files}.iso`, files]);
    const linked = await from(readFileSync(`${files}.iso`), { release: 'linked' });
    assert.ok(readFileSync(join(linked.directory, 'linux')).equals(KERNEL));
  });

  test('that names a file of this host in another format gives nothing of it', async () => {
    const secret = join(scratch, 'secret');
    writeFileSync(secret, 'a secret');
    const disc = readFileSync(makeDisc(whole, '-R'));
    const entry = (name: string): string => `${name} type=file size=8 mode=0644 contents=${secret}\n`;
    disc.write(`#mtree\n${entry('./casper/vmlinuz')}${entry('./casper/initrd')}`);
    const { directory } = await from(disc);
    assert.ok(readFileSync(join(directory, 'linux')).equals(KERNEL));
  });

  test('that is not a disc, is another disc or is cut short is refused with the reason, and nothing appears', async () => {
    const image = readFileSync(makeDisc(whole, '-R'));
    const other = readFileSync(
      makeDisc({ 'install/vmlinuz': KERNEL, '.disk/info': INFO.replace('arm64', 'amd64') }, '-R'),
    );
    const cases: readonly (readonly [image: Uint8Array, message: RegExp])[] = [
      [Buffer.alloc(100), /it has no ISO 9660 file system/],
      [Buffer.alloc(100_000), /it has no ISO 9660 file system/],
      [other, /it has no casper\/vmlinuz: use a disc of Ubuntu's live server/],
      [
        image.subarray(0, image.length - 4_000_000 > 40_000 ? image.length - 4_000_000 : 60_000),
        /damaged|cut short|has no/,
      ],
    ];
    rmSync(tree, { recursive: true });
    mkdirSync(tree);
    for (const [bytes, message] of cases) await assert.rejects(from(bytes), { code: 'bad-argument', message });
    assert.deepEqual(
      readdirSync(tree).filter((name) => name !== 'images'),
      [],
    );
  });

  test('of any damaged bytes ends with the installer or a reason', async () => {
    const image = readFileSync(makeDisc(whole, '-R'));
    let state = 12_345;
    const random = (max: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state % max;
    };
    for (let round = 0; round < 12; round += 1) {
      const bent = Buffer.from(image);
      // The descriptors and the directories are at the beginning.
      for (let change = 0; change < 8; change += 1) bent[32_768 + random(60_000)] = random(256);
      await from(bent).catch((error: { readonly code?: string }) =>
        assert.equal(error.code, 'bad-argument', String(error)),
      );
    }
  });
});
