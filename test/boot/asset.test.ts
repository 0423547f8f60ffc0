// The answers to requests, by path, lease and the region's allocations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type BootAsset, resolveBootAsset } from '../../src/boot/asset.ts';
import { formatMac, type Ipv4 } from '../../src/ground/address.ts';
import { DEVICE_STATE } from '../../src/machines/machine.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { assetContext, type Given, images, MACS, machine, PEER } from './rack.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const STRANGER = hw('52:54:00:99:99:99');

function resolve(path: string, given: Given = {}, peer: Ipv4 = PEER): BootAsset {
  return resolveBootAsset({ path, peer, local: RACK }, assetContext(given));
}

/** The rendered purpose, or why there is none, and who asked as far as the rack can tell: for itself, or to read another's. */
function summarize(asset: BootAsset): string {
  const who = asset.mac === undefined ? 'nobody' : formatMac(asset.mac);
  if (asset.kind === 'rendered') return `${asset.purpose} ${asset.isForAnother ? 'read by' : 'for'} ${who}`;
  return asset.kind === 'file' ? `${asset.path} for ${who}` : `${asset.reason} for ${who}`;
}

const mac = (text: string): string => `52:54:00:00:00:${text}`;
const both = images('amd64/generic/bookworm/commissioning', 'amd64/generic/trixie/install');

const CASES: readonly [string, string, Given, string][] = [
  [
    'a machine is known by its address in the path',
    'pxelinux.cfg/01-52-54-00-00-00-0c',
    {},
    'commissioning read by nobody',
  ],
  [
    'the path takes precedence over the lease',
    'pxelinux.cfg/01-52-54-00-00-00-0c',
    { lease: MACS.local },
    `commissioning read by ${mac('0d')}`,
  ],
  [
    'who has another card of the machine is the machine',
    'pxelinux.cfg/01-52-54-00-00-00-0c',
    { lease: STRANGER, machines: [machine('commissioning', { macs: [MACS.commissioning, STRANGER] })] },
    'commissioning for 52:54:00:99:99:99',
  ],
  [
    'an unknown machine is not found, so its loader tries the next name',
    'pxelinux.cfg/01-52-54-00-99-99-99',
    {},
    'machine-unknown for nobody',
  ],
  ['the same holds for GRUB', 'grub/grub.cfg-52:54:00:99:99:99', {}, 'machine-unknown for nobody'],
  ['the same holds for iPXE', 'ipxe.cfg-52-54-00-99-99-99', {}, 'machine-unknown for nobody'],
  [
    'a UUID is found as written',
    'pxelinux.cfg/00112233-4455-6677-8899-aabbccddeeff',
    {},
    'commissioning read by nobody',
  ],
  [
    'a UUID is found in the byte order of memory',
    'pxelinux.cfg/33221100-5544-7766-8899-aabbccddeeff',
    {},
    'commissioning read by nobody',
  ],
  [
    'an unknown UUID is not found',
    'pxelinux.cfg/11111111-5544-7766-8899-aabbccddeeff',
    { lease: MACS.local },
    `machine-unknown for ${mac('0d')}`,
  ],
  [
    'a UUID is trusted from the holder of its machine’s lease',
    `pxelinux.cfg/${UUID}`,
    { lease: MACS.commissioning },
    `commissioning for ${mac('0c')}`,
  ],
  [
    'an unknown machine with a shared UUID does not work in another’s place: it tries the next name, and enlists',
    `pxelinux.cfg/${UUID}`,
    { lease: STRANGER },
    'machine-unknown for 52:54:00:99:99:99',
  ],
  [
    'another machine with the same UUID is identified by its lease first',
    `pxelinux.cfg/${UUID}`,
    { lease: MACS.poweroff },
    `machine-unknown for ${mac('0f')}`,
  ],
  [
    'a machine in use that boots from a new card starts its disk',
    `pxelinux.cfg/${UUID}`,
    { lease: STRANGER, machines: [machine('local', { uuid: UUID })] },
    'local for 52:54:00:99:99:99',
  ],
  [
    'it does so too if the loader asks by hardware address, by the UUID that its firmware sent',
    'grub/grub.cfg-52:54:00:99:99:99',
    { lease: STRANGER, shown: UUID, machines: [machine('local', { uuid: UUID })] },
    'local for 52:54:00:99:99:99',
  ],
  [
    'that UUID alone starts no work',
    'grub/grub.cfg-52:54:00:99:99:99',
    { lease: STRANGER, shown: UUID },
    'machine-unknown for 52:54:00:99:99:99',
  ],
  [
    'that UUID does not count if two machines have it',
    'pxelinux.cfg/default',
    { lease: STRANGER, shown: UUID, machines: [machine('local', { uuid: UUID }), machine('poweroff', { uuid: UUID })] },
    'enlist for 52:54:00:99:99:99',
  ],
  [
    'an address in the path is identified by its lease',
    'pxelinux.cfg/0A140064',
    { lease: MACS.poweroff },
    `poweroff for ${mac('0f')}`,
  ],
  [
    'an address in the path is identified by the region’s allocation',
    'pxelinux.cfg/0A14000A',
    {},
    'local read by nobody',
  ],
  [
    'a part of an address identifies no machine',
    'pxelinux.cfg/0A1400',
    { lease: MACS.local },
    `machine-unknown for ${mac('0d')}`,
  ],
  [
    'the default is rendered for the machine that has the lease',
    'pxelinux.cfg/default',
    { lease: MACS.local },
    `local for ${mac('0d')}`,
  ],
  [
    'the default enlists an unknown machine with a lease',
    'pxelinux.cfg/default',
    { lease: STRANGER },
    'enlist for 52:54:00:99:99:99',
  ],
  ['the default enlists a machine without a lease', 'grub/grub.cfg-default-x86_64', {}, 'enlist for nobody'],
  [
    'the first name is answered at once if the lease identifies the machine',
    'grub/grub.cfg',
    { lease: MACS.install, files: both },
    `install for ${mac('01')}`,
  ],
  [
    'an unknown machine with a lease is asked for its CPU',
    'grub/grub.cfg',
    { lease: STRANGER },
    'chain for 52:54:00:99:99:99',
  ],
  ['any other machine is asked for its hardware address', 'ipxe.cfg', {}, 'chain for nobody'],
  [
    'a rack without HTTP can start a disk',
    'pxelinux.cfg/default',
    { config: { http: [] }, lease: MACS.local },
    `local for ${mac('0d')}`,
  ],
  [
    'a kernel is a file',
    'amd64/generic/bookworm/commissioning/linux',
    { lease: MACS.local },
    `amd64/generic/bookworm/commissioning/linux for ${mac('0d')}`,
  ],
  [
    'a loader in an unusual place is the tree’s',
    'EFI/BOOT/grubx64.efi',
    { files: ['grubx64.efi'] },
    'grubx64.efi for nobody',
  ],
  [
    'a loader that exists in that place is itself',
    'EFI/BOOT/grubx64.efi',
    { files: ['grubx64.efi', 'EFI/BOOT/grubx64.efi'] },
    'EFI/BOOT/grubx64.efi for nobody',
  ],
  [
    'a loader that the tree lacks stays at the requested path',
    'EFI/BOOT/grubx64.efi',
    {},
    'EFI/BOOT/grubx64.efi for nobody',
  ],
  ['a way out of the tree is refused', '../etc/shadow', { lease: MACS.local }, `path-not-allowed for ${mac('0d')}`],
];

for (const [name, path, given, expected] of CASES) {
  test(name, () => assert.equal(summarize(resolve(path, given)), expected));
}

test('at the allocated address of a machine anybody without a lease gets its configuration', () => {
  assert.equal(summarize(resolve('ipxe.cfg', {}, ip('10.20.0.10'))), 'local read by nobody');
});

/** The kernel that a known machine gets. */
function kernelOf(given: Given): string | undefined {
  const asset = resolve('pxelinux.cfg/default', given);
  return asset.kind === 'rendered' ? /KERNEL (.*)\/linux/.exec(asset.text)?.[1] : undefined;
}

test('the machine’s sub-architecture takes precedence over generic, its release over the rack’s', () => {
  const lease = MACS.commissioning;
  const machines = [machine('commissioning', { subarchitecture: 'hwe-6.1', release: 'trixie' })];
  const directories = [
    'amd64/hwe-6.1/trixie/commissioning',
    'amd64/generic/trixie/commissioning',
    'amd64/hwe-6.1/bookworm/commissioning',
    'amd64/generic/bookworm/commissioning',
  ];
  for (const [index, directory] of directories.entries()) {
    assert.equal(kernelOf({ lease, machines, files: images(...directories.slice(index)) }), directory);
  }
  assert.equal(kernelOf({ lease, machines, files: images('amd64/generic/jammy/commissioning') }), undefined);
});

test('an image without its initrd or kernel does not count', () => {
  const directory = 'amd64/generic/bookworm/commissioning';
  assert.equal(kernelOf({ files: [`${directory}/linux`] }), undefined);
  assert.equal(kernelOf({ files: [`${directory}/initrd.gz`] }), undefined);
  assert.equal(kernelOf({ files: [`${directory}/linux`, `${directory}/initrd`] }), directory);
});

test('a machine’s own arguments replace the global ones, and come last', () => {
  const machines = [machine('commissioning', { kernelParams: 'console=ttyS1' })];
  const given = { machines, lease: MACS.commissioning, config: { kernelParams: 'console=ttyS0' } };
  const asset = resolve('pxelinux.cfg/default', given);
  assert.ok(asset.kind === 'rendered');
  assert.match(asset.text, /APPEND rackboot=commissioning rackboot_url=\S+ console=ttyS1\n/);
});

const INSTALLER = 'amd64/generic/bookworm/install';

test('a New machine enlists by the installer too; others run the environment', () => {
  const config = { enlistWith: 'installer' } as const;
  const files = [...images(INSTALLER), ...images('amd64/generic/bookworm/commissioning')];
  for (const [purpose, directory] of [
    ['enlist', 'install'],
    ['commissioning', 'commissioning'],
  ] as const) {
    const given = { machines: [machine(purpose)], lease: MACS[purpose], files, config };
    const asset = resolve('pxelinux.cfg/default', given);
    assert.ok(asset.kind === 'rendered');
    assert.ok(asset.text.includes(`KERNEL amd64/generic/bookworm/${directory}/linux`), purpose);
  }
});

test('a device enlists like an unknown machine; a New machine has arguments of its own', () => {
  for (const [statusName, last] of [
    [DEVICE_STATE, 'quiet'],
    ['New', 'splash'],
  ] as const) {
    const machines = [machine('enlist', { statusName, kernelParams: 'splash' })];
    const asset = resolve('pxelinux.cfg/default', { machines, lease: MACS.enlist, config: { kernelParams: 'quiet' } });
    assert.ok(asset.kind === 'rendered');
    assert.equal(/APPEND .* (\S+)$/m.exec(asset.text)?.[1], last, statusName);
  }
});

test('without the installer in the tree nothing else starts, and the machine shows the command to run', () => {
  const asset = resolve('pxelinux.cfg/default', { lease: STRANGER, config: { enlistWith: 'installer' } });
  assert.ok(asset.kind === 'rendered');
  assert.equal(asset.purpose, 'image-missing');
  assert.match(asset.text, /bookworm\/install/);
  assert.match(asset.text, /rackboot images import-installer/);
});

test('an enlisting machine leaves its BMC unchanged if so configured; the operator’s arguments win', () => {
  const textFor = (purpose: 'enlist' | 'commissioning', bmcUser: boolean): string => {
    const config = { bmcUser, kernelParams: 'rackboot_bmc_user=yes' };
    const asset = resolve('pxelinux.cfg/default', { machines: [machine(purpose)], lease: MACS[purpose], config });
    return asset.kind === 'rendered' ? asset.text : '';
  };
  assert.match(textFor('enlist', false), / rackboot_bmc_user=no rackboot_bmc_user=yes$/m);
  assert.doesNotMatch(textFor('enlist', true), /rackboot_bmc_user=no/);
  assert.doesNotMatch(textFor('commissioning', false), /rackboot_bmc_user=no/);
});

test('U-Boot that boots by DHCP alone gets a script whose sums are right, which asks for a configuration', () => {
  const asset = resolveBootAsset({ path: 'boot.scr.uimg', peer: PEER, local: RACK }, assetContext());
  assert.ok(asset.kind === 'rendered');
  assert.equal(asset.purpose, 'chain');
  // As it is sent.
  const image = Buffer.from(asset.text, 'utf8');
  const data = image.subarray(64);
  const header = Buffer.from(image.subarray(0, 64));
  const sum = header.readUInt32BE(4);
  header.writeUInt32BE(0, 4);
  assert.deepEqual([sum, header.readUInt32BE(12), header.readUInt32BE(24)], [crc32(header), data.length, crc32(data)]);
  assert.equal(data.readUInt32BE(0), data.length - 8);
  assert.match(data.subarray(8).toString('latin1'), /^pxe get && pxe boot\n/);
});
