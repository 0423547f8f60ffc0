// The main job with each firmware that a site is likely to have; `whole-life.test.ts` has SeaBIOS and iPXE by
// HTTP, `test/long/` the others.
// @host computes, 120 s

import { type BootCase, GIB, testFirstBoots } from '../support/first-boot.ts';

const CASES: readonly BootCase[] = [
  {
    name: 'SeaBIOS, virtio, pxelinux',
    firmware: 'bios',
    nic: 'virtio-net-pci',
    memoryMib: 512,
    cpus: 2,
    diskBytes: 8 * GIB,
    loaders: '{ ipxe: pxelinux.0 }',
    boots: 1,
  },
  {
    name: 'OVMF, shim and GRUB',
    firmware: 'uefi',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 2,
    diskBytes: 6 * GIB,
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
];

testFirstBoots(CASES);
