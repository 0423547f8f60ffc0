// The main job with the firmware and the network cards that sites have, and by way of Debian's installer, in which the preseed that the region
// serves runs the agent, and which asks no question.
// @host alone

import { type BootCase, GIB, testFirstBoots } from '../support/first-boot.ts';

const PXELINUX = { way: 'pxelinux', loaders: '{ ipxe: pxelinux.0 }' };
const IPXE = { way: 'iPXE by HTTP', loaders: '{}' };
// Quirk: lpxelinux 6.04 on top of iPXE's UNDI driver stops at "Loading …" with vmxnet3 and rtl8139 (seen with
// QEMU 7.2 and iPXE 20190125); with e1000e it loads. iPXE is told its own script by default and never meets lpxelinux.
const LPXELINUX = { way: 'lpxelinux', loaders: '{ ipxe: lpxelinux.0 }' };
const WAYS = {
  e1000: [PXELINUX],
  e1000e: [PXELINUX, LPXELINUX, IPXE],
  vmxnet3: [PXELINUX, IPXE],
  rtl8139: [PXELINUX, IPXE],
} as const;

/** One boot of a machine with a virtio card, unless `more` says something else. */
const machine = (name: string, firmware: BootCase['firmware'], more: Partial<BootCase> = {}): BootCase => ({
  name,
  firmware,
  nic: 'virtio-net-pci',
  memoryMib: firmware === 'bios' ? 512 : 1024,
  cpus: 1,
  diskBytes: 4 * GIB,
  loaders: '{}',
  boots: 1,
  ...more,
});

const BIOS: readonly BootCase[] = (['e1000', 'e1000e', 'vmxnet3', 'rtl8139'] as const).flatMap((nic, index) =>
  WAYS[nic].map(({ way, loaders }) =>
    machine(`SeaBIOS, ${nic}, ${way}`, 'bios', {
      nic,
      memoryMib: 512 + 128 * index,
      cpus: 1 + (index % 2),
      diskBytes: (2 + index) * GIB,
      loaders,
    }),
  ),
);
const ARM64 = ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'] as const;
/** `boot.http` without port 80. */
const OTHER_PORT = '{}, http: { listen: ["10.77.0.1:5248"] }';

testFirstBoots([
  machine('SeaBIOS, virtio, pxelinux: enlisted, known, switched off', 'bios', {
    cpus: 2,
    diskBytes: 8 * GIB,
    loaders: '{ ipxe: pxelinux.0 }',
    boots: 3,
  }),
  machine('SeaBIOS, virtio, iPXE by HTTP', 'bios'),
  machine('OVMF, HTTP boot, iPXE', 'uefi-http', { loaders: '{ 16: ipxe.efi }' }),
  machine('OVMF with Secure Boot, HTTP boot, shim and GRUB: enlisted, known, switched off', 'uefi-http-secure', {
    boots: 3,
  }),
  machine('OVMF, HTTP boot at another port than 80, shim and GRUB', 'uefi-http', { loaders: OTHER_PORT }),
  machine('OVMF with Secure Boot, HTTPS boot, shim and GRUB', 'uefi-http-secure', { https: 'trusted' }),
  machine('OVMF with Secure Boot, shim and GRUB', 'uefi-secure'),
  machine('OVMF, shim and GRUB: enlisted, known, switched off', 'uefi', { cpus: 2, boots: 3 }),
  ...BIOS,
]);
testFirstBoots(
  [
    machine('AAVMF, shim and GRUB: enlisted, known, switched off', 'uefi-arm64', { boots: 3 }),
    machine('AAVMF, HTTP boot, shim and GRUB', 'uefi-http-arm64'),
    machine('AAVMF with Secure Boot, shim and GRUB', 'uefi-secure-arm64'),
    machine('AAVMF with Secure Boot, HTTP boot, shim and GRUB', 'uefi-http-secure-arm64'),
  ],
  { content: 'arm64', needs: ARM64 },
);
const U_BOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
testFirstBoots([machine('U-Boot, arm64', 'u-boot-arm64', { nic: 'e1000' })], {
  content: 'arm64',
  needs: ['qemu-system-aarch64', U_BOOT],
});
testFirstBoots([machine('U-Boot, armhf', 'u-boot-armhf', { nic: 'e1000' })], {
  content: 'armhf',
  needs: ['qemu-system-arm', U_BOOT],
});
testFirstBoots([machine('U-Boot, riscv64', 'u-boot-riscv64', { nic: 'e1000' })], {
  content: 'riscv64',
  needs: [
    'qemu-system-riscv64',
    '/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin',
    '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin',
  ],
});
testFirstBoots(
  [
    machine('SeaBIOS, a processor of 32 bits, pxelinux', 'bios', { loaders: '{ ipxe: pxelinux.0 }', qemu32: true }),
    machine('SeaBIOS, a processor of 64 bits, lpxelinux', 'bios', { nic: 'e1000e', loaders: '{ ipxe: lpxelinux.0 }' }),
  ],
  { content: 'amd64+i386' },
);
testFirstBoots(
  [
    machine("SeaBIOS, virtio, iPXE by HTTP, Debian's installer", 'bios', {
      memoryMib: 1024,
      cpus: 2,
      diskBytes: 9 * GIB,
    }),
  ],
  { content: 'amd64-installer', needs: ['depmod'] },
);
testFirstBoots([machine("AAVMF, shim and GRUB, Debian's installer", 'uefi-arm64', { cpus: 2 })], {
  content: 'arm64-installer',
  needs: [...ARM64, 'depmod'],
});
testFirstBoots(
  [
    machine('SeaBIOS, virtio, lpxelinux', 'bios'),
    machine('OVMF, iPXE by TFTP: enlisted, known, switched off by GRUB', 'uefi', {
      cpus: 2,
      boots: 3,
      loaders: '{ 7: ipxe.efi }',
    }),
    machine('OVMF with Secure Boot, shim and GRUB', 'uefi-secure'),
    machine('OVMF with Secure Boot, HTTP boot, shim and GRUB', 'uefi-http-secure'),
  ],
  { proxied: true },
);
