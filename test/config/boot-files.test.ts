// Whether new machines can boot from a tree, and the command that helps.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootConfig } from '../../src/boot/config.ts';
import { findMissingFiles } from '../../src/config/boot-files.ts';

type Boot = Pick<BootConfig, 'tree' | 'commissioningRelease' | 'enlistWith' | 'loaders'>;

const BOOT: Boot = { tree: '/tree', commissioningRelease: 'bookworm', enlistWith: 'environment', loaders: new Map() };

const IMAGE = ['linux', 'initrd.gz'].map((name) => `amd64/generic/bookworm/commissioning/${name}`);
const ARM = IMAGE.map((path) => path.replace('amd64', 'arm64'));
const INSTALLER = IMAGE.map((path) => path.replace('commissioning', 'install'));

for (const [name, changes, files, expected] of [
  ['an empty tree needs the environment', {}, [], 'sudo rackboot images build --config x'],
  ['loaders alone boot no machine', {}, ['bootx64.efi'], 'sudo rackboot images build --config x'],
  ['an environment without loaders needs these', {}, IMAGE, 'sudo rackboot images build --config x'],
  [
    'the loaders are built for the CPU of the environment',
    {},
    ARM,
    'sudo rackboot images build --arch arm64 --config x',
  ],
  [
    'a loader of another CPU does not help',
    {},
    [...ARM, 'bootx64.efi'],
    'sudo rackboot images build --arch arm64 --config x',
  ],
  ['one loader is enough', {}, [...IMAGE, 'lpxelinux.0'], undefined],
  [
    'loaders that a person named may be anywhere',
    { loaders: new Map([['7', 'http://other/ipxe.efi']]) },
    IMAGE,
    undefined,
  ],
  [
    'where the installer enlists, it is needed',
    { enlistWith: 'installer' },
    IMAGE,
    'sudo rackboot images import-installer --config x',
  ],
  ['an installer with a loader boots', { enlistWith: 'installer' }, [...INSTALLER, 'bootx64.efi'], undefined],
] as const satisfies readonly (readonly [string, Partial<Boot>, readonly string[], string | undefined])[])
  test(name, () => {
    const boot = { ...BOOT, ...changes };
    const judged = findMissingFiles({ boot }, (path) => files.some((one) => one === path), ' --config x');
    assert.equal(judged?.command, expected);
  });
