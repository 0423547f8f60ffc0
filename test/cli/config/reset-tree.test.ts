// The files of a boot tree that a reset removes: those that Rackboot made, and nothing of a person or of another server.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { splitTree } from '../../../src/cli/config/reset-tree.ts';
import { describeFile, encodeManifest } from '../../../src/images/store/publication.ts';

const HASH = 'ab'.repeat(32);
const UUID = '01234567-89ab-cdef-0123-456789abcdef';

function withTree(files: readonly string[], work: (tree: string, shares: () => readonly unknown[]) => void): void {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-reset-'));
  const put = (path: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), path);
  };
  try {
    for (const path of files) put(path);
    work(tree, () => {
      const { own, others } = splitTree(tree);
      return [own, others].map((paths) => paths.map((path) => relative(tree, path)));
    });
  } finally {
    rmSync(tree, { recursive: true });
  }
}

function describeAs(tree: string, path: string, names: readonly string[]): void {
  const files = names.map((name) => describeFile({ name, data: Buffer.from('x') }));
  writeFileSync(join(tree, path), encodeManifest({ schema: 1, packages: [], files }).data);
}

test('the files of another server stay, whole directories and single files', () =>
  withTree(
    [
      `images/ab/${HASH}.img`,
      'images/.manifests/a.json',
      `images/.part-${UUID}`,
      'images/.uploads/1-ab.part',
      `images/systems/ubuntu-${HASH.slice(0, 12)}/boot-kernel`,
      'images/logo.png',
      'images/ab/notes',
      'photos/a.jpg',
      'pxelinux.0',
      'pxelinux.cfg/default',
      'own.0',
      'amd64/generic/trixie/commissioning/linux',
      'amd64/generic/trixie/commissioning/extra',
      'arm64/generic/trixie/install/linux',
      `arm64/generic/trixie/.install.gone-${UUID}/linux`,
      'bootloader/uefi/amd64/bootx64.efi',
      'bootloader/own/amd64/x.efi',
      'ubuntu/amd64/generic/noble/mine/root',
    ],
    (tree, shares) => {
      describeAs(tree, '.loaders-amd64.json', ['pxelinux.0']);
      writeFileSync(join(tree, 'pxelinux.0'), 'x');
      describeAs(tree, 'amd64/generic/trixie/commissioning/manifest.json', ['linux']);
      describeAs(tree, 'bootloader/uefi/amd64/manifest.json', ['bootx64.efi']);
      symlinkSync('/etc', join(tree, 'link'));
      symlinkSync('../../../../images/systems/ubuntu-x', join(tree, 'ubuntu/amd64/generic/noble/release'));
      assert.deepEqual(shares(), [
        [
          '.loaders-amd64.json',
          'amd64/generic/trixie/commissioning/linux',
          'amd64/generic/trixie/commissioning/manifest.json',
          `arm64/generic/trixie/.install.gone-${UUID}`,
          'bootloader/uefi',
          'images/.manifests',
          `images/.part-${UUID}`,
          'images/.uploads',
          `images/ab/${HASH}.img`,
          'images/systems',
          'pxelinux.0',
          'ubuntu/amd64/generic/noble/release',
        ],
        [
          'amd64/generic/trixie/commissioning/extra',
          'arm64/generic/trixie/install',
          'bootloader/own',
          'images/ab/notes',
          'images/logo.png',
          'link',
          'own.0',
          'photos',
          'pxelinux.cfg',
          'ubuntu/amd64/generic/noble/mine',
        ],
      ]);
    },
  ));

test('a tree of Rackboot alone goes whole, even if it is empty, and a linked store stays', () => {
  withTree(['amd64/generic/trixie/commissioning/linux', `images/ab/${HASH}.squashfs`], (tree, shares) => {
    describeAs(tree, 'amd64/generic/trixie/commissioning/manifest.json', ['linux']);
    assert.deepEqual(shares(), [['amd64', 'images'], []]);
  });
  withTree([], (tree, shares) => {
    const own = ['images/ab', 'images/systems', 'custom/amd64/generic/site', 'ubuntu/amd64/ga-24.04/noble'];
    for (const path of [...own, 'photos', 'ubuntu/2026/may']) mkdirSync(join(tree, path), { recursive: true });
    assert.deepEqual(shares(), [
      ['custom', 'images', 'ubuntu/amd64'],
      ['photos', 'ubuntu/2026'],
    ]);
  });
  withTree([], (tree, shares) => {
    symlinkSync('/srv', join(tree, 'images'));
    assert.deepEqual(shares(), [[], ['images']]);
  });
  assert.deepEqual(splitTree('/nowhere/at/all'), { own: [], others: [] });
});

test('a person keeps their own things at the names of Rackboot, and under hidden names', () =>
  withTree(
    [
      'bootx64.efi',
      'pxelinux.0',
      '.pxelinux.0.damaged',
      '.own.damaged',
      'images/.mine/thesis',
      'images/.notes',
      `images/.part-${UUID}.lock`,
      `images/ab/${HASH}.img/thesis`,
      'images/ab/.mine',
      'images/.lock',
      'images/.manifests.lock',
      'images/.place',
      `images/.downloads/${HASH}.lock`,
      'share/.backup.damaged/f',
      `share/.f.${UUID}/thesis`,
      'amd64/generic/trixie/install/linux/precious/thesis',
      'amd64/generic/trixie/install/initrd.gz',
      'amd64/generic/trixie/install/.initrd.gz.damaged',
    ],
    (tree, shares) => {
      describeAs(tree, '.loaders-amd64.json', ['bootx64.efi', 'pxelinux.0']);
      writeFileSync(join(tree, 'pxelinux.0'), 'x');
      describeAs(tree, 'amd64/generic/trixie/install/manifest.json', ['linux', 'initrd.gz']);
      const installer = ['.initrd.gz.damaged', 'initrd.gz', 'manifest.json'];
      assert.deepEqual(shares(), [
        [
          '.loaders-amd64.json',
          '.pxelinux.0.damaged',
          ...installer.map((name) => `amd64/generic/trixie/install/${name}`),
          'images/.downloads',
          'images/.lock',
          'images/.manifests.lock',
          `images/.part-${UUID}.lock`,
          'images/.place',
          'pxelinux.0',
        ],
        [
          '.own.damaged',
          'amd64/generic/trixie/install/linux',
          'bootx64.efi',
          'images/.mine',
          'images/.notes',
          'images/ab',
          'share',
        ],
      ]);
    },
  ));

test('a directory that was moved away keeps what no manifest names, as one in its place', () => {
  const place = 'amd64/generic/trixie';
  const [old, other] = [`${place}/.install.old-${UUID}`, `${place}/.commissioning.old-${UUID}`];
  const loader = `bootloader/uefi/.amd64.old-${UUID}`;
  withTree(
    [
      `${old}/linux`,
      `${old}/my-preseed`,
      `${other}/linux`,
      `${loader}/bootx64.efi`,
      `${place}/.install.new-${UUID}/linux`,
      `bootloader/uefi/.arm64.gone-${UUID}/x`,
    ],
    (tree, shares) => {
      describeAs(tree, `${old}/manifest.json`, ['linux']);
      describeAs(tree, `${loader}/manifest.json`, ['bootx64.efi']);
      assert.deepEqual(shares(), [
        [`${place}/.install.new-${UUID}`, `${old}/linux`, `${old}/manifest.json`, 'bootloader'],
        [other, `${old}/my-preseed`],
      ]);
    },
  );
});

test('only where Rackboot makes them do unfinished files, directories and links count as its own', () =>
  withTree(
    [
      `mine/.cache.${UUID}`,
      `.cache.${UUID}`,
      `mine/.x.new-${UUID}/thesis`,
      `amd64/mine/.x.gone-${UUID}/thesis`,
      `amd64/generic/trixie/.mine.gone-${UUID}/thesis`,
      `.pxelinux.0.${UUID}`,
      `..loaders-amd64.json.${UUID}`,
      'pxelinux.0',
      `images/..place.${UUID}`,
      `images/.mine.${UUID}`,
      'images/systems/lab-0123456789ab/keep',
      'images/systems/noble-0123456789ab/boot-kernel',
      'images/systems/noble-0123456789ab/squashfs',
      'images/systems/jammy-0123456789ab/root-tgz',
      'images/systems/jammy-0123456789ab/notes/thesis',
      `images/systems/.a-0123456789ab.old-${UUID}/squashfs`,
      `images/systems/.b-0123456789ab.new-${UUID}/squashfs`,
      `images/systems/.c-0123456789ab.kept-${UUID}/squashfs`,
    ],
    (tree, shares) => {
      describeAs(tree, '.loaders-amd64.json', ['pxelinux.0']);
      writeFileSync(join(tree, 'pxelinux.0'), 'x');
      for (const path of ['mine/link', 'os/amd64/generic/noble/release', `os/amd64/generic/noble/.x.new-${UUID}`]) {
        mkdirSync(dirname(join(tree, path)), { recursive: true });
        symlinkSync('../../../../images/systems/noble-0123456789ab', join(tree, path));
      }
      const systems = ['.a-0123456789ab.old-UUID', '.b-0123456789ab.new-UUID', 'jammy-0123456789ab/root-tgz'];
      assert.deepEqual(shares(), [
        [
          `..loaders-amd64.json.${UUID}`,
          '.loaders-amd64.json',
          `.pxelinux.0.${UUID}`,
          `images/..place.${UUID}`,
          ...[...systems, 'noble-0123456789ab'].map((name) => `images/systems/${name.replace('UUID', UUID)}`),
          'os',
          'pxelinux.0',
        ],
        [
          `.cache.${UUID}`,
          'amd64',
          `images/.mine.${UUID}`,
          `images/systems/.c-0123456789ab.kept-${UUID}`,
          'images/systems/jammy-0123456789ab/notes',
          'images/systems/lab-0123456789ab',
          'mine',
        ],
      ]);
    },
  ));

test('empty directories that earlier removals left go, and empty ones of a person stay', () =>
  withTree([], (tree, shares) => {
    const left = ['custom/amd64/generic/site', 'debian/arm64/generic/sid', 'amd64/generic', 'bootloader', 'images/9b'];
    const kept = ['arm64/mine', 'debian/mine', 'grub/x86_64-efi', 'photos/2026/11/28'];
    for (const path of [...left, ...kept]) mkdirSync(join(tree, path), { recursive: true });
    assert.deepEqual(shares(), [
      ['amd64', 'bootloader', 'custom', 'debian/arm64', 'images'],
      ['arm64', 'debian/mine', 'grub', 'photos'],
    ]);
  }));
