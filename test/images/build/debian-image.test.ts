// Checks the options of a Debian image and builds its disk for BIOS and UEFI. The system here is a few small files;
// test/long/whole-life.test.ts boots a complete one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseSize } from '../../../src/cli/images/debian-image.ts';
import { formatUuid, makeBootDisk } from '../../../src/images/build/boot-disk.ts';
import { buildRemedy, checkDebianRequest, DEBIAN_PLATFORMS } from '../../../src/images/build/debian-root.ts';
import { findPartitionTable } from '../../../src/images/content/disk-image.ts';
import { ext4Facts, ext4File } from '../../support/ext4-disk.ts';
import { missing } from '../../support/needs.ts';

const MIB = 1024 * 1024;
const IDS = { root: '11111111-2222-4333-8444-555555555555', esp: '12AB-34CD' };
const WANTED = { arch: 'amd64', release: 'bookworm', packages: [], mirrors: [] };

test('a valid image passes: packages by name, mirrors by address or as lines', () => {
  const packages = ['vim', 'g++', 'libc6-dev'];
  const mirrors = ['http://mirror.example/debian', 'deb [trusted=yes] https://mirror.example:3142/debian trixie main'];
  assert.equal(checkDebianRequest({ ...WANTED, packages, mirrors }), DEBIAN_PLATFORMS.get('amd64'));
});

for (const [name, why, remedy] of [
  [
    'mirrors that lack the release',
    "The repository 'http://mirror.example/debian nosuch Release' does not have a Release file",
    /^check the name nosuch, or name mirrors that have this release with --mirror$/,
  ],
  [
    'mirrors that do not answer',
    'Failed to fetch http://mirror.example/debian/dists/nosuch/InRelease Could not connect to mirror.example:80',
    /^check that this host reaches the mirrors/,
  ],
] as const)
  test(`${name} have their own remedy`, () => {
    assert.match(buildRemedy(why, { release: 'nosuch', arch: 'amd64' }), remedy);
  });

test('a host with amd64 needs more for arm64, and nothing for i386', {
  skip: process.arch === 'x64' ? false : 'is another host',
}, () => {
  const needsMore = (arch: string): boolean => buildRemedy('', { release: 'bookworm', arch }).includes('arch-test');
  assert.deepEqual(['amd64', 'arm64', 'i386'].map(needsMore), [false, true, false]);
});

const refused: readonly (readonly [string, Partial<typeof WANTED> | object, RegExp])[] = [
  ['an unknown architecture', { arch: 'sparc' }, /"sparc"; use one of amd64, arm64/],
  ['a release that is a path', { release: '../etc' }, /is not a Debian release/],
  ['a package that is an option', { packages: ['--rootdir=/'] }, /is not a package name/],
  ['a package that is a command', { packages: ['a;reboot'] }, /is not a package name/],
  ['a mirror that is a command', { mirrors: ['http://x/$(reboot)'] }, /is not a mirror/],
  [
    'a mirror with a password, which would be in the image',
    { mirrors: ['http://me:secret@mirror.example/'] },
    /is not a mirror/,
  ],
  ['a mirror that is a file', { mirrors: ['file:///srv/debian'] }, /is not a mirror/],
];
for (const [name, more, message] of refused) {
  test(`${name} is refused`, () => {
    assert.throws(() => checkDebianRequest({ ...WANTED, ...more }), { code: 'bad-argument', message });
  });
}

const sizes: readonly (readonly [string, number | undefined])[] = [
  ['2G', 2048 * MIB],
  ['900M', 900 * MIB],
  ['3GiB', 3072 * MIB],
  ['1t', 1024 ** 4],
  ['0G', undefined],
  ['2', undefined],
  ['-1G', undefined],
  ['2.5G', undefined],
];
for (const [text, bytes] of sizes) {
  test(`a disk of ${text} ${bytes === undefined ? 'is refused' : `has ${bytes} bytes`}`, () => {
    if (bytes === undefined) assert.throws(() => parseSize(text), { code: 'bad-argument', message: /900M or 2G/ });
    else assert.equal(parseSize(text), bytes);
  });
}

test('an identifier is a UUID of version 4, whatever bytes it is made from', () => {
  assert.equal(formatUuid(Buffer.alloc(32, 0xff)), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.equal(formatUuid(Buffer.alloc(16)), '00000000-0000-4000-8000-000000000000');
});

describe('a disk to start from', {
  skip: missing('root', 'linux', 'mformat', 'sfdisk', 'mkfs.ext4'),
}, () => {
  function request(t: TestContext, arch: string, prepare: (system: string) => void = () => undefined) {
    const platform = DEBIAN_PLATFORMS.get(arch) ?? assert.fail(arch);
    const workDir = mkdtempSync(join(tmpdir(), 'rackboot-disk-'));
    t.after(() => rmSync(workDir, { recursive: true, force: true }));
    const system = join(workDir, 'system');
    const files: Readonly<Record<string, string | Buffer>> = {
      'etc/os-release': 'ID=tiny\n',
      [`usr/lib/shim/shim${platform.efi}.efi.signed`]: 'shim',
      [`usr/lib/shim/mm${platform.efi}.efi.signed`]: 'keys',
      [`usr/lib/grub/${platform.grubDirectory}-signed/grub${platform.efi}.efi.signed`]: 'grub',
      ...(platform.hasBios
        ? { 'boot/grub/i386-pc/boot.img': Buffer.alloc(512, 1), 'boot/grub/i386-pc/core.img': Buffer.alloc(30_000, 2) }
        : {}),
    };
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(system, path)), { recursive: true });
      writeFileSync(join(system, path), content);
    }
    prepare(system);
    const archive = join(workDir, 'root.tar');
    execFileSync('tar', ['--create', '--xattrs', '--sparse', '--file', archive, '--directory', system, '.']);
    const file = join(workDir, 'disk.img');
    return { archive, file, workDir, platform, ids: IDS, epochSeconds: 1_700_000_000, onProgress: () => undefined };
  }
  const tableOf = (file: string) => JSON.parse(execFileSync('sfdisk', ['-J', file]).toString()).partitiontable;
  const espFile = (file: string, at: number, name: string): string =>
    execFileSync('mtype', ['-i', `${file}@@${at}M`, `::/EFI/${name}`]).toString();
  const rootFile = (file: string, at: number, name: string): string => ext4File(file, name, at * MIB);

  test('has the core of GRUB for BIOS, loaders for UEFI, and the root last', async (t) => {
    const given = request(t, 'amd64');
    const bytes = await makeBootDisk(given);
    const { file } = given;
    assert.equal(statSync(file).size, bytes);
    const image = readFileSync(file);
    assert.equal(findPartitionTable(image.subarray(0, 8192)), 'gpt');
    const { id, partitions } = tableOf(file);
    assert.deepEqual(
      partitions.map(({ start, name }: { start: number; name: string }) => [start / 2048, name]),
      [
        [1, 'bios'],
        [2, 'esp'],
        [66, 'root'],
      ],
    );
    assert.equal(image.readBigUInt64LE(0x5c), 2048n, 'the first sector continues at the core');
    assert.equal(image.readBigUInt64LE(MIB + 0x1f4), 2049n, 'the core continues behind its first sector');
    assert.equal(image.subarray(440, 446).equals(Buffer.alloc(6)), true, 'the table begins where it should');
    assert.equal(image.readUInt8(MIB + 29_999), 2);
    for (const name of ['BOOT/BOOTX64.EFI', 'debian/shimx64.efi']) assert.equal(espFile(file, 2, name), 'shim', name);
    for (const name of ['BOOT/grubx64.efi', 'debian/grubx64.efi']) assert.equal(espFile(file, 2, name), 'grub', name);
    assert.match(espFile(file, 2, 'debian/grub.cfg'), new RegExp(`^search\\.fs_uuid ${IDS.root} root\\n`));
    assert.equal(rootFile(file, 66, '/etc/os-release'), 'ID=tiny\n');
    const again = request(t, 'amd64');
    await makeBootDisk(again);
    assert.equal(tableOf(again.file).id, id, 'the same request gives the same identifiers');
  });

  test('keeps what files have: capabilities, owners, hard links, holes', { skip: missing('setcap') }, async (t) => {
    const given = request(t, 'amd64', (system) => {
      const ping = join(system, 'ping');
      writeFileSync(ping, 'x', { mode: 0o755 });
      chownSync(ping, 0, 42);
      execFileSync('setcap', ['cap_net_raw=ep', ping]);
      linkSync(ping, join(system, 'ping4'));
      truncateSync(ping, 0);
      execFileSync('setcap', ['cap_net_raw=ep', ping]);
      writeFileSync(join(system, 'holes'), 'x');
      truncateSync(join(system, 'holes'), 64 * MIB);
    });
    await makeBootDisk(given);
    const about = (question: string): string =>
      execFileSync('debugfs', ['-R', question, `${given.file}?offset=${66 * MIB}`], { stdio: 'pipe' }).toString();
    // The capability's number is 13, permitted and effective (linux/capability.h).
    assert.match(about('ea_list /ping4'), /security\.capability \(20\) = 01 00 00 02 00 20 00 00/);
    assert.match(about('stat /ping'), /Group: *42 [\s\S]*Links: 2/);
    const [, blocks] = /Blockcount: (\d+)/.exec(about('stat /holes')) ?? [];
    assert.ok(Number(blocks) < 64, `${blocks} blocks of 512 bytes`);
  });

  test('has only loaders for UEFI where there is no BIOS, and the size that was asked for', async (t) => {
    const given = { ...request(t, 'arm64'), bytes: 300 * MIB };
    assert.equal(await makeBootDisk(given), 300 * MIB);
    const { partitions } = tableOf(given.file);
    assert.deepEqual(
      partitions.map(({ start, name }: { start: number; name: string }) => [start / 2048, name]),
      [
        [1, 'esp'],
        [65, 'root'],
      ],
    );
    assert.equal(espFile(given.file, 1, 'BOOT/BOOTAA64.EFI'), 'shim');
    const facts = ext4Facts(given.file, 65 * MIB);
    assert.match(facts, new RegExp(`Filesystem UUID: *${IDS.root}`));
    assert.doesNotMatch(facts, /orphan_file|metadata_csum_seed/);
  });

  test('for a processor of 32 bits has GRUB for its BIOS and for its UEFI', async (t) => {
    const given = request(t, 'i386');
    await makeBootDisk(given);
    const names = tableOf(given.file).partitions.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['bios', 'esp', 'root']);
    assert.equal(espFile(given.file, 2, 'BOOT/BOOTIA32.EFI'), 'shim');
    assert.equal(espFile(given.file, 2, 'BOOT/grubia32.efi'), 'grub');
  });

  test('that is too small for its system is refused with the size that is enough', async (t) => {
    const given = { ...request(t, 'amd64'), bytes: 80 * MIB };
    await assert.rejects(makeBootDisk(given), {
      code: 'bad-argument',
      message: /fit into 80 MiB: use --size \d+M or more/,
    });
  });
});
