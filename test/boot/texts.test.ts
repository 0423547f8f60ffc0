// The exact text for each loader and purpose: those of test/golden, and those of what few machines have.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { formatMac } from '../../src/ground/address.ts';
import type { BootPurpose } from '../../src/machines/machine.ts';
import { bootTexts } from '../golden/boot-texts.ts';
import { RACK } from '../support/lab-facts.ts';
import { assetContext, type Given, MACS, PEER } from './rack.ts';

function render(path: string, given: Given = {}): string {
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, assetContext(given));
  assert.equal(asset.kind, 'rendered', `${path}: ${asset.kind}`);
  return asset.kind === 'rendered' ? asset.text : '';
}

const ipxe = (purpose: BootPurpose, given?: Given): string =>
  render(`ipxe.cfg-${formatMac(MACS[purpose], '-')}`, given);

const CASES: readonly [string, () => string, readonly string[]][] = [
  [
    'U-Boot of 32 bits gets the device tree beside its kernel',
    () =>
      render('pxelinux.cfg/default-arm-highbank', {
        files: ['linux', 'initrd.gz', 'dtb'].map((name) => `armhf/highbank/bookworm/commissioning/${name}`),
      }),
    [
      '# unknown machine: enlisting, armhf/highbank/bookworm/commissioning',
      'DEFAULT boot',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: unknown machine: enlisting, armhf/highbank/bookworm/commissioning',
      'LABEL boot',
      '  KERNEL armhf/highbank/bookworm/commissioning/linux',
      '  INITRD armhf/highbank/bookworm/commissioning/initrd.gz',
      '  FDT armhf/highbank/bookworm/commissioning/dtb',
      '  APPEND rackboot=enlist rackboot_url=http://10.20.0.1:5248/MAAS',
      '  IPAPPEND 2',
    ],
  ],
  [
    'U-Boot that asks for arm and told DHCP that it has 64 bits gets arm64, with the directory of device trees',
    () =>
      render('pxelinux.cfg/default-arm', {
        cpu: 'arm64',
        files: [...['linux', 'initrd.gz'].map((name) => `arm64/generic/bookworm/commissioning/${name}`), 'dtbs/arm64/'],
        lease: MACS.enlist,
        machines: [],
      }),
    [
      '# unknown machine: enlisting, arm64/generic/bookworm/commissioning',
      'DEFAULT boot',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: unknown machine: enlisting, arm64/generic/bookworm/commissioning',
      'LABEL boot',
      '  KERNEL arm64/generic/bookworm/commissioning/linux',
      '  INITRD arm64/generic/bookworm/commissioning/initrd.gz',
      '  FDTDIR dtbs/arm64',
      '  APPEND rackboot=enlist rackboot_url=http://10.20.0.1:5248/MAAS',
      '  IPAPPEND 2',
    ],
  ],
  [
    'iPXE says how to build for a processor of 32 bits',
    () => render('ipxe.cfg-default-i386'),
    [
      '#!ipxe',
      '# unknown machine: image-missing',
      'echo Rackboot: no kernel and initrd for i386/generic/bookworm/commissioning.',
      'echo Rackboot: Run on the rack: rackboot images build --arch i386',
      'sleep 60',
      'reboot',
    ],
  ],
];

test('each loader gets, for each thing that a machine may boot, the stored text', () =>
  assert.equal(bootTexts(), readFileSync(join(import.meta.dirname, '../../fixtures/golden/boot-texts.txt'), 'utf8')));

for (const [name, text, lines] of CASES) {
  test(name, () => assert.deepEqual(text().split('\n'), [...lines, '']));
}

test('GRUB fills in BOOTIF if the hardware address is unknown', () => {
  assert.match(render('grub/grub.cfg-default-x86_64'), /linux' BOOTIF=01-"\$net_default_mac" 'rackboot=enlist'/);
});

test('without HTTP iPXE loads kernel and initrd from its script’s source', () => {
  // The region is then unreachable, so only steps without a kernel are rendered; one of them names the next loader.
  assert.match(ipxe('local', { config: { http: [] } }), /chain --replace \/grubx64\.efi/);
});
