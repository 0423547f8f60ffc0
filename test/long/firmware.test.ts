// The main job with further network cards that sites have.
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

const BIOS: readonly BootCase[] = (['e1000', 'e1000e', 'vmxnet3', 'rtl8139'] as const).flatMap((nic, index) =>
  WAYS[nic].map(({ way, loaders }) => ({
    name: `SeaBIOS, ${nic}, ${way}`,
    firmware: 'bios' as const,
    nic,
    memoryMib: 512 + 128 * index,
    cpus: 1 + (index % 2),
    diskBytes: (2 + index) * GIB,
    loaders,
    boots: 1 as const,
  })),
);

testFirstBoots([
  {
    name: 'SeaBIOS, virtio, pxelinux: enlisted, known, switched off',
    firmware: 'bios',
    nic: 'virtio-net-pci',
    memoryMib: 512,
    cpus: 2,
    diskBytes: 8 * GIB,
    loaders: '{ ipxe: pxelinux.0 }',
    boots: 3,
  },
  {
    name: 'SeaBIOS, virtio, iPXE by HTTP',
    firmware: 'bios',
    nic: 'virtio-net-pci',
    memoryMib: 512,
    cpus: 1,
    diskBytes: 3 * GIB,
    loaders: '{}',
    boots: 1,
  },
  {
    name: 'OVMF, HTTP boot, iPXE',
    firmware: 'uefi-http',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 1,
    diskBytes: 4 * GIB,
    loaders: '{}',
    boots: 1,
  },
  {
    name: 'OVMF, shim and GRUB: enlisted, known, switched off',
    firmware: 'uefi',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 2,
    diskBytes: 6 * GIB,
    loaders: '{}',
    boots: 3,
  },
  ...BIOS,
]);
testFirstBoots(
  [
    {
      name: 'AAVMF, shim and GRUB: enlisted, known, switched off',
      firmware: 'uefi-arm64',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 1,
      diskBytes: 2 * GIB,
      loaders: '{}',
      boots: 3,
    },
  ],
  { content: 'arm64', needs: ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'] },
);
testFirstBoots(
  [
    {
      name: "AAVMF, shim and GRUB, Debian's installer",
      firmware: 'uefi-arm64',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 2,
      diskBytes: 3 * GIB,
      loaders: '{}',
      boots: 1,
    },
  ],
  { content: 'arm64-installer', needs: ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd', 'depmod'] },
);
testFirstBoots(
  [
    {
      name: 'SeaBIOS, virtio, lpxelinux',
      firmware: 'bios',
      nic: 'virtio-net-pci',
      memoryMib: 512,
      cpus: 1,
      diskBytes: 4 * GIB,
      loaders: '{ ipxe: lpxelinux.0 }',
      boots: 1,
    },
    {
      name: 'OVMF, iPXE by TFTP: enlisted, known, switched off by GRUB',
      firmware: 'uefi',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 2,
      diskBytes: 6 * GIB,
      loaders: '{}',
      boots: 3,
    },
  ],
  { proxied: true },
);
