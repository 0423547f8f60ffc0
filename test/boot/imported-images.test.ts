// Machines that enlist by an imported system: which one is found, and the words of its kernel line in every loader's language.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { findImported, formatImportedName, parseImportedName } from '../../src/boot/imported-images.ts';
import { parseKernelParams } from '../../src/boot/kernel-line.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { assetContext, type Given, images, MACS, machine, PEER } from './rack.ts';

const NOBLE = { os: 'ubuntu', release: 'noble', label: undefined };
const STABLE = 'ubuntu/amd64/generic/noble/stable';
const ENVIRONMENT = images('amd64/generic/bookworm/commissioning');
/** A system in each of these directories. */
const systems = (...directories: string[]): string[] =>
  directories.flatMap((directory) => ['boot-kernel', 'boot-initrd', 'squashfs'].map((name) => `${directory}/${name}`));

function textOf(path: string, given: Given): string {
  const config = { enlistWith: NOBLE, ...given.config };
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, assetContext({ ...given, config }));
  assert.ok(asset.kind === 'rendered');
  return asset.text;
}

test('names of systems are read and written; anything that is not a plain path is refused', () => {
  for (const text of ['ubuntu/noble', 'ubuntu/noble/daily', 'centos/centos8'])
    assert.equal(formatImportedName(parseImportedName(text) ?? assert.fail(text)), text);
  for (const text of [
    '',
    'ubuntu',
    'ubuntu/',
    '/noble',
    'a/b/c/d',
    '../etc',
    'ubuntu/..',
    'ubuntu/a b',
    `a/${'b'.repeat(64)}`,
  ])
    assert.equal(parseImportedName(text), undefined, text);
});

const FOUND: readonly [string, string, readonly string[], string | undefined][] = [
  [
    'its own kernel',
    'hwe-24.04',
    systems(STABLE, 'ubuntu/amd64/hwe-24.04/noble/stable'),
    'ubuntu/amd64/hwe-24.04/noble/stable',
  ],
  ['the generic kernel otherwise', 'hwe-24.04', systems(STABLE), STABLE],
  ['the most settled label', 'generic', systems('ubuntu/amd64/generic/noble/daily', STABLE), STABLE],
  [
    'a daily one if there is no other',
    'generic',
    systems('ubuntu/amd64/generic/noble/daily'),
    'ubuntu/amd64/generic/noble/daily',
  ],
  ['nothing without a root', 'generic', systems(STABLE).slice(0, 2), undefined],
  ['nothing without an initrd', 'generic', [`${STABLE}/boot-kernel`, `${STABLE}/squashfs`], undefined],
  ['nothing of another release', 'generic', systems('ubuntu/amd64/generic/jammy/stable'), undefined],
  ['nothing for a subarchitecture that is not a plain name', '../..', [], undefined],
];
for (const [name, subarchitecture, files, directory] of FOUND)
  test(`a machine finds ${name}`, () => {
    const image = findImported(NOBLE, { architecture: 'amd64', subarchitecture }, (path) => files.includes(path));
    assert.equal(image?.kernel, directory && `${directory}/boot-kernel`);
    assert.deepEqual(image?.root, directory && { kind: 'squash', path: `${directory}/squashfs` });
  });

test('a label that is not a usual one is found by its name; a root may be an archive', () => {
  const files = ['boot-kernel', 'boot-initrd', 'root-tgz'].map((name) => `ubuntu/amd64/generic/noble/lab/${name}`);
  const query = { architecture: 'amd64', subarchitecture: 'generic' };
  const has = (path: string): boolean => files.includes(path);
  assert.equal(findImported(NOBLE, query, has), undefined);
  assert.equal(findImported({ ...NOBLE, label: 'lab' }, query, has)?.root.kind, 'tar');
});

test('an unknown machine gets the words of MAAS, in the language of each loader', () => {
  const given = { lease: hw('52:54:00:99:99:99'), files: systems(STABLE), config: { kernelParams: 'quiet' } };
  const url = 'http://10.20.0.1:5248';
  const words = [
    `root=squash:${url}/${STABLE}/squashfs`,
    'ip=::::maas-enlisting:BOOTIF:dhcp',
    'ip6=off',
    'ro',
    'overlayroot=tmpfs',
    'overlayroot_cfgdisk=disabled',
    'cc:{datasource_list:',
    '[MAAS]}end_cc',
    `cloud-config-url=${url}/MAAS/metadata/latest/enlist-preseed/?op=get_enlist_preseed`,
    'rackboot=enlist',
    `rackboot_url=${url}/MAAS`,
    'quiet',
  ];
  const pxelinux = textOf('pxelinux.cfg/default', given);
  assert.match(pxelinux, new RegExp(`KERNEL ${STABLE}/boot-kernel\n  INITRD ${STABLE}/boot-initrd\n`));
  assert.deepEqual(/^ *APPEND (.*)$/m.exec(pxelinux)?.[1]?.split(' '), words);
  const ipxe = textOf('ipxe.cfg-default-amd64', given);
  assert.ok(ipxe.includes(` ${words.join(' ')} || goto failed`), ipxe);
  const grub = textOf('grub/grub.cfg-default-x86_64', given);
  assert.ok(grub.includes(words.map((word) => `'${word}'`).join(' ')), grub);
  assert.ok(parseKernelParams(words.join(' ')).ok);
});

test('the machine gets the paths of the version to which the names lead, so that another one does not come between', () => {
  const version = 'images/systems/ubuntu-noble-1';
  const realOf = (path: string): string => path.replace(STABLE, version);
  const context = assetContext({ files: systems(STABLE), config: { enlistWith: NOBLE } });
  const asset = resolveBootAsset({ path: 'pxelinux.cfg/default', peer: PEER, local: RACK }, { ...context, realOf });
  const text = asset.kind === 'rendered' ? asset.text : assert.fail(asset.kind);
  assert.match(text, new RegExp(`KERNEL ${version}/boot-kernel\n  INITRD ${version}/boot-initrd\n`));
  assert.ok(text.includes(` root=squash:http://10.20.0.1:5248/${version}/squashfs `), text);
});

test('a New machine enlists by an imported system, too; every other task runs our environment', () => {
  const files = [...systems(STABLE), ...ENVIRONMENT];
  for (const [purpose, kernel] of [
    ['enlist', `${STABLE}/boot-kernel`],
    ['commissioning', 'amd64/generic/bookworm/commissioning/linux'],
    ['install', 'amd64/generic/bookworm/commissioning/linux'],
  ] as const) {
    const text = textOf('pxelinux.cfg/default', { machines: [machine(purpose)], lease: MACS[purpose], files });
    assert.ok(text.includes(`KERNEL ${kernel}\n`), purpose);
  }
});

test('if the imported system is not in the tree, nothing else starts, and the machine shows the command to run', () => {
  const text = textOf('pxelinux.cfg/default-arm64', { files: [...systems(STABLE), ...ENVIRONMENT] });
  assert.match(text, /no imported ubuntu\/noble for arm64/);
  assert.match(text, /rackboot images import ubuntu\/noble --source maas --arch arm64/);
});
