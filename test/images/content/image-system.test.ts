// A real disk, made by sfdisk, mformat and mke2fs: what it needs to start, to grow and to be set up is found in it, in pieces of any size.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { describeSystem, judgeSystem, SystemInspector } from '../../../src/images/content/image-system.ts';
import { missing } from '../../support/needs.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { makeSystemDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const ZEROES = Buffer.alloc(32 * MIB);

function lookAt(disk: Uint8Array, architecture = 'amd64', pieceBytes = MIB) {
  const inspector = new SystemInspector(architecture);
  for (let at = 0; at < disk.length; at += pieceBytes) {
    const bytes = disk.subarray(at, at + pieceBytes);
    inspector.inspect(
      ZEROES.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
        ? { kind: 'hole', length: bytes.length }
        : { kind: 'data', bytes },
    );
  }
  return inspector.facts();
}

describe('the system in an image', { skip: missing('linux', 'sfdisk', 'mformat', 'mke2fs') }, () => {
  const scratch = scratchDirectory();
  let disk: Buffer = Buffer.alloc(0);
  before(() => {
    disk = makeRealDisk('gpt', '/usr/lib/systemd/system/cloud-init-local.service');
  });

  function makeRealDisk(label: 'gpt' | 'dos', unit: string | undefined): Buffer {
    const place = (name: string): string => join(scratch, name);
    const run = (program: string, ...words: readonly string[]): void =>
      void execFileSync(program, [...words], {
        env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
        input: '',
      });
    for (const name of ['disk', 'esp', 'root', 'loader', 'tree']) rmSync(place(name), { recursive: true, force: true });
    mkdirSync(place('tree'));
    if (unit !== undefined) {
      mkdirSync(join(place('tree'), unit, '..'), { recursive: true });
      writeFileSync(join(place('tree'), unit), '');
    }
    writeFileSync(place('loader'), 'MZ');
    run('mformat', '-C', '-i', place('esp'), '-T', '16384', '::');
    run('mmd', '-i', place('esp'), '::/EFI', '::/EFI/BOOT');
    run('mcopy', '-i', place('esp'), place('loader'), '::/EFI/BOOT/BOOTX64.EFI');
    run('mke2fs', '-q', '-t', 'ext4', '-d', place('tree'), place('root'), '16M');
    const whole = Buffer.alloc(32 * MIB);
    writeFileSync(place('disk'), whole);
    const types = label === 'gpt' ? ['21686148-6449-6E6F-744E-656564454649', 'U', 'L'] : ['da', 'ef', 'L'];
    const table = `label: ${label}\n2048,2048,${types[0]}\n4096,16384,${types[1]}\n20480,32768,${types[2]}\n`;
    execFileSync('/sbin/sfdisk', ['-q', place('disk')], { input: table });
    const made = readFileSync(place('disk'));
    readFileSync(place('esp')).copy(made, 2 * MIB);
    readFileSync(place('root')).copy(made, 10 * MIB);
    made.write('\xeb\x63GRUB', 0, 'latin1');
    return made;
  }

  const WHOLE = {
    startsByBios: true,
    startsByUefi: true,
    hasCloudInit: true,
    fileSystems: [undefined, undefined, 'ext4'],
  };

  test('is found whole, even in small and odd pieces', () => {
    for (const pieceBytes of [32 * MIB, MIB, 4096, 1031, 512])
      assert.deepEqual(lookAt(disk, 'amd64', pieceBytes), WHOLE);
    const facts = lookAt(disk);
    assert.equal(judgeSystem(facts, 'amd64'), undefined);
    assert.equal(
      describeSystem(facts),
      'it starts by BIOS and UEFI; its last partition (ext4) grows; it contains cloud-init',
    );
  });

  test('on a disk with an MBR is found as well', () => {
    assert.deepEqual(lookAt(makeRealDisk('dos', 'lib/systemd/system/cloud-init-local.service')), WHOLE);
  });

  test('without boot code, without its EFI program, and without cloud-init is told apart', () => {
    const noCode = Buffer.from(disk).fill(0, 0, 440);
    assert.deepEqual(lookAt(noCode), { ...WHOLE, startsByBios: false });
    assert.equal(judgeSystem(lookAt(noCode), 'amd64'), undefined, 'UEFI is enough');
    const noLoader = Buffer.from(disk);
    // A deleted entry of FAT.
    for (let at = noLoader.indexOf('BOOTX64 EFI'); at !== -1; at = noLoader.indexOf('BOOTX64 EFI')) noLoader[at] = 0xe5;
    assert.deepEqual(lookAt(noLoader), { ...WHOLE, startsByUefi: false });
    const neither = Buffer.from(noLoader).fill(0, 0, 440);
    assert.match(judgeSystem(lookAt(neither), 'amd64') ?? '', /no loader for BIOS, .*EFI\/BOOT\/BOOTX64\.EFI$/);
    assert.match(
      judgeSystem(lookAt(disk, 'arm64'), 'arm64') ?? '',
      /: no EFI system partition has EFI\/BOOT\/BOOTAA64\.EFI$/,
    );
    const bare = lookAt(makeRealDisk('gpt', undefined));
    assert.deepEqual(bare, { ...WHOLE, hasCloudInit: false });
    assert.equal(judgeSystem(bare, 'amd64'), undefined);
    assert.match(describeSystem(bare), /no cloud-init was found/);
  });

  test('whose loader stands outside of an EFI system partition does not start by UEFI', () => {
    const other = Buffer.from(disk);
    for (let at = other.indexOf('BOOTX64 EFI'); at !== -1; at = other.indexOf('BOOTX64 EFI')) other[at] = 0xe5;
    other.write('BOOTX64 EFI', 20 * MIB, 'latin1');
    assert.equal(lookAt(other).startsByUefi, false);
    // Part of a file, not an entry of a directory.
    other.write('BOOTX64 EFI', 3 * MIB + 5, 'latin1');
    assert.equal(lookAt(other).startsByUefi, false);
  });

  const foreign: readonly (readonly [name: string, at: number, magic: string])[] = [
    ['btrfs', 65_600, '_BHRfS_M'],
    ['LVM', 512, 'LABELONE'],
    ['LUKS', 0, 'LUKS\xba\xbe'],
  ];
  for (const [name, at, magic] of foreign)
    test(`on ${name} alone is refused, and next to ext4 is not`, () => {
      const other = Buffer.from(disk);
      other.fill(0, 10 * MIB, 10 * MIB + 4096).write(magic, 10 * MIB + at, 'latin1');
      const why = new RegExp(`^a machine could not set it up: its root is on ${name}, and only ext4 and xfs`);
      assert.match(judgeSystem(lookAt(other), 'amd64') ?? '', why);
      const both = Buffer.from(other);
      both.writeUInt16LE(0xef53, MIB + 1080);
      assert.equal(judgeSystem(lookAt(both), 'amd64'), undefined);
    });

  test('on xfs is accepted, and one that nobody knows is left alone', () => {
    const other = Buffer.from(disk).fill(0, 10 * MIB, 10 * MIB + 4096);
    assert.deepEqual(lookAt(other).fileSystems, [undefined, undefined, undefined]);
    assert.equal(judgeSystem(lookAt(other), 'amd64'), undefined);
    other.write('XFSB', 10 * MIB, 'latin1');
    assert.deepEqual(lookAt(other).fileSystems, [undefined, undefined, 'xfs']);
  });

  test('of a changed or cut partition table is looked at without an error', () => {
    for (let at = 440; at < 2048; at += 7) {
      const bent = Buffer.from(disk.subarray(0, 3 * MIB));
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      assert.doesNotThrow(() => lookAt(bent), `byte ${at}`);
    }
    for (const length of [0, 1, 511, 513, 4097, 65_536, 65_537])
      assert.doesNotThrow(() => lookAt(disk.subarray(0, length)), `cut at ${length}`);
  });
});

test('the disk that other tests import has a system', () => {
  const facts = lookAt(makeSystemDisk(2 * MIB));
  assert.deepEqual([judgeSystem(facts, 'amd64'), facts.startsByBios, facts.hasCloudInit], [undefined, true, true]);
});
