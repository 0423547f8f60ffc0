// The main job with every network card that QEMU has a boot ROM or a UEFI driver for.

import { type BootCase, GIB, testFirstBoots } from '../support/first-boot.ts';

const BIOS: readonly BootCase[] = (['e1000e', 'vmxnet3', 'rtl8139', 'pcnet', 'ne2k_pci'] as const).flatMap(
  (nic, index) =>
    [
      { way: 'pxelinux', loaders: '{ ipxe: pxelinux.0 }' },
      { way: 'lpxelinux', loaders: '{ ipxe: lpxelinux.0 }' },
      { way: 'iPXE by HTTP', loaders: '{}' },
    ].map(({ way, loaders }) => ({
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

testFirstBoots(BIOS);
