// The exact text for each loader and purpose.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import type { BootPurpose } from '../../src/machines/machine.ts';
import { formatMac } from '../../src/net/address.ts';
import { RACK } from '../support/lab-facts.ts';
import { assetContext, type Given, images, MACS, machine, PEER } from './rack.ts';

function render(path: string, given: Given = {}): string {
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, assetContext(given));
  assert.equal(asset.kind, 'rendered', `${path}: ${asset.kind}`);
  return asset.kind === 'rendered' ? asset.text : '';
}

const pxelinux = (purpose: BootPurpose, given?: Given): string =>
  render(`pxelinux.cfg/01-${formatMac(MACS[purpose], '-')}`, given);
const grub = (purpose: BootPurpose, given?: Given): string =>
  render(`grub/grub.cfg-${formatMac(MACS[purpose])}`, given);
const ipxe = (purpose: BootPurpose, given?: Given): string =>
  render(`ipxe.cfg-${formatMac(MACS[purpose], '-')}`, given);

const PARAMS = { config: { kernelParams: 'console=ttyS0,115200n8 opt="a b"' } };
const INSTALL = { files: images('amd64/generic/trixie/install') };
const CHAIN_C32 = { files: ['chain.c32', 'libcom32.c32', 'libutil.c32'] };

const CASES: readonly [string, () => string, readonly string[]][] = [
  [
    'pxelinux enlists an unknown machine, and adds BOOTIF itself',
    () => render('pxelinux.cfg/default', PARAMS),
    [
      '# unknown machine: enlisting, amd64/generic/bookworm/commissioning',
      'DEFAULT boot',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: unknown machine: enlisting, amd64/generic/bookworm/commissioning',
      'LABEL boot',
      '  KERNEL amd64/generic/bookworm/commissioning/linux',
      '  INITRD amd64/generic/bookworm/commissioning/initrd.gz',
      '  APPEND rackboot=enlist rackboot_url=http://10.20.0.1:5248/MAAS console=ttyS0,115200n8 opt="a b"',
      '  IPAPPEND 2',
    ],
  ],
  [
    'pxelinux starts the first disk by chain.c32 if the tree has it',
    () => pxelinux('local', CHAIN_C32),
    [
      '# local-1: starting the local disk',
      'DEFAULT local',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: local-1: starting the local disk',
      'LABEL local',
      '  KERNEL chain.c32',
      '  APPEND hd0',
    ],
  ],
  [
    'pxelinux returns to the firmware if the tree lacks chain.c32',
    () => pxelinux('local'),
    [
      '# local-1: starting the local disk',
      'DEFAULT local',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: local-1: starting the local disk',
      'LABEL local',
      '  LOCALBOOT 0',
    ],
  ],
  [
    'pxelinux finds out the processor of a machine that nobody knows, if it has the modules',
    () => render('pxelinux.cfg/default', { files: ['ifcpu64.c32', 'libcom32.c32'] }),
    [
      '# finding out the processor',
      'DEFAULT check',
      'PROMPT 0',
      'TIMEOUT 600',
      'LABEL check',
      '  KERNEL ifcpu64.c32',
      '  APPEND amd64 -- i386',
      'LABEL amd64',
      '  CONFIG pxelinux.cfg/default-amd64',
      'LABEL i386',
      '  CONFIG pxelinux.cfg/default-i386',
    ],
  ],
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
    'pxelinux switches off',
    () => pxelinux('poweroff'),
    [
      '# poweroff-1: nothing to do, switching off',
      'DEFAULT off',
      'PROMPT 0',
      'TIMEOUT 600',
      'SAY Rackboot: poweroff-1: nothing to do, switching off',
      'LABEL off',
      '  KERNEL poweroff.c32',
    ],
  ],
  [
    'pxelinux shows which image is missing, waits, and restarts',
    () => pxelinux('commissioning', { files: [] }),
    [
      '# commissioning-1: image-missing',
      'DEFAULT again',
      'PROMPT 1',
      'TIMEOUT 600',
      'TOTALTIMEOUT 600',
      'SAY Rackboot: no kernel and initrd for amd64/generic/bookworm/commissioning.',
      'SAY Rackboot: Run on the rack: rackboot images build',
      'LABEL again',
      '  MENU LABEL Rackboot: no kernel and initrd for amd64/generic/bookworm/commissioning. Run on the rack: rackboot images build',
      '  KERNEL reboot.c32',
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
  [
    'GRUB commissions a machine from its own source',
    () => grub('commissioning', PARAMS),
    [
      '# commissioning-1: Commissioning, amd64/generic/bookworm/commissioning',
      'function start {',
      `  echo 'Rackboot: loading the kernel, amd64/generic/bookworm/commissioning/linux, from' "$2"`,
      `  if linux "$1"'/amd64/generic/bookworm/commissioning/linux' 'BOOTIF=01-52-54-00-00-00-0c' 'rackboot=commissioning' 'rackboot_url=http://10.20.0.1:5248/MAAS' 'console=ttyS0,115200n8' 'opt=a b'; then`,
      `    echo 'Rackboot: loading the initrd, amd64/generic/bookworm/commissioning/initrd.gz, from' "$2"`,
      `    if initrd "$1"'/amd64/generic/bookworm/commissioning/initrd.gz'; then`,
      "      echo 'Rackboot: starting the kernel.'",
      '      boot',
      '    fi',
      '  fi',
      '}',
      "echo 'Rackboot: commissioning-1: Commissioning, amd64/generic/bookworm/commissioning'",
      `start '' "$root"`,
      "echo 'Rackboot: the kernel could not be loaded. Trying again in 60 seconds.'",
      'sleep 60',
      'reboot',
    ],
  ],
  [
    'GRUB asks again, first by hardware address, then for its CPU',
    () => render('grub/grub.cfg'),
    [
      '# asking again by hardware address',
      "echo 'Rackboot: asking the rack what to start.'",
      'if [ -n "$net_default_mac" ]; then configfile "$prefix/grub.cfg-$net_default_mac"; fi',
      'set cpu="$grub_cpu"',
      'if [ "$cpu" = i386 ]; then if cpuid -l; then set cpu=x86_64; fi; fi',
      'configfile "$prefix/grub.cfg-default-$cpu"',
      "echo 'Rackboot: no configuration could be loaded. Trying again in 60 seconds.'",
      'sleep 60',
      'reboot',
    ],
  ],
  [
    'GRUB switches off',
    () => grub('poweroff'),
    ['# poweroff-1: nothing to do, switching off', "echo 'Rackboot: poweroff-1: nothing to do, switching off'", 'halt'],
  ],
  [
    'iPXE commissions a machine by HTTP',
    () => ipxe('commissioning', PARAMS),
    [
      '#!ipxe',
      '# commissioning-1: Commissioning, amd64/generic/bookworm/commissioning',
      'echo Rackboot: commissioning-1: Commissioning, amd64/generic/bookworm/commissioning',
      'imgfree',
      'kernel http://10.20.0.1:5248/amd64/generic/bookworm/commissioning/linux initrd=initrd.gz BOOTIF=01-52-54-00-00-00-0c rackboot=commissioning rackboot_url=http://10.20.0.1:5248/MAAS console=ttyS0,115200n8 opt="a b" || goto failed',
      'initrd --name initrd.gz http://10.20.0.1:5248/amd64/generic/bookworm/commissioning/initrd.gz || goto failed',
      'boot || goto failed',
      ':failed',
      'echo Rackboot: it could not be started. Trying again in 60 seconds.',
      'sleep 60',
      'reboot',
    ],
  ],
  [
    'iPXE installs with the region’s preseed',
    () => ipxe('install', INSTALL),
    [
      '#!ipxe',
      '# install-1: Deploying, amd64/generic/trixie/install',
      'echo Rackboot: install-1: Deploying, amd64/generic/trixie/install',
      'imgfree',
      'kernel http://10.20.0.1:5248/amd64/generic/trixie/install/linux initrd=initrd.gz BOOTIF=01-52-54-00-00-00-01 auto=true priority=critical url=http://10.20.0.1:5248/MAAS/metadata/latest/by-id/abc123/?op=get_preseed locale=en_US.UTF-8 keymap=us hostname=install-1 domain=maas interface=auto ipv6.disable=1 DEBIAN_FRONTEND=text rackboot=install rackboot_url=http://10.20.0.1:5248/MAAS || goto failed',
      'initrd --name initrd.gz http://10.20.0.1:5248/amd64/generic/trixie/install/initrd.gz || goto failed',
      'boot || goto failed',
      ':failed',
      'echo Rackboot: it could not be started. Trying again in 60 seconds.',
      'sleep 60',
      'reboot',
    ],
  ],
  [
    'iPXE asks again by hardware address, and detects a 64-bit CPU under a BIOS',
    () => render('ipxe.cfg'),
    [
      '#!ipxe',
      '# asking again by hardware address',
      'set cpu $\u007bbuildarch}',
      'cpuid --ext 29 && set cpu amd64 ||',
      'chain --replace ipxe.cfg-$\u007bnetX/mac:hexhyp} || chain --replace ipxe.cfg-default-$\u007bcpu} ||',
      'echo Rackboot: no configuration could be loaded. Trying again in 60 seconds.',
      'sleep 60',
      'reboot',
    ],
  ],
  [
    'iPXE starts the local disk itself under a BIOS, by GRUB under UEFI',
    () => ipxe('local'),
    [
      '#!ipxe',
      '# local-1: starting the local disk',
      'echo Rackboot: local-1: starting the local disk',
      'iseq $\u007bplatform} efi && goto other ||',
      'sanboot --no-describe --drive 0x80 || sanboot --no-describe --drive 0x81 ||',
      'exit 0',
      ':other',
      'set netX/next-server 10.20.0.1 ||',
      'iseq $\u007bplatform} efi && chain --replace http://10.20.0.1:5248/grubx64.efi ||',
      'iseq $\u007bplatform} pcbios && chain --replace http://10.20.0.1:5248/lpxelinux.0 ||',
      'echo Rackboot: the next loader could not be started.',
      'exit 1',
    ],
  ],
];

for (const [name, text, lines] of CASES) {
  test(name, () => assert.deepEqual(text().split('\n'), [...lines, '']));
}

test('GRUB tries HTTP first if the rack answers on port 80', () => {
  const http = [{ address: RACK, port: 80 }];
  const lines = grub('commissioning', { config: { http } }).split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('start ')),
    ["start '(http,10.20.0.1)' 'http,10.20.0.1'", `start '' "$root"`],
  );
});

test('GRUB fills in BOOTIF if the hardware address is unknown', () => {
  assert.match(render('grub/grub.cfg-default-x86_64'), /linux' BOOTIF=01-"\$net_default_mac" 'rackboot=enlist'/);
});

test('GRUB looks for loaders of the machine’s own CPU, installed systems before removable media', () => {
  const text = grub('local', { machines: [machine('local', { architecture: 'arm64' })] });
  const paths = [...text.matchAll(/chainloader (\S+);/g)].map((match) => match[1]);
  assert.equal(paths[0], '/efi/debian/shimaa64.efi');
  assert.equal(paths.at(-1), '/efi/boot/bootaa64.efi');
  assert.match(text, /sleep 60\nreboot\n$/);
});

test('without HTTP iPXE loads kernel and initrd from its script’s source', () => {
  // The region is then unreachable, so only steps without a kernel are rendered; one of them names the next loader.
  assert.match(ipxe('local', { config: { http: [] } }), /chain --replace \/grubx64\.efi/);
});
