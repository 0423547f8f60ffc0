// The main job by UEFI of amd64. `whole-life.test.ts` has SeaBIOS and iPXE by HTTP, `proxy.test.ts` SeaBIOS and lpxelinux;
// `test/long/` has pxelinux, HTTP boot and further network cards (`firmware.test.ts`), and arm64 (`first-boot-arm64.test.ts`).
// @host computes, 45 s

import { type BootCase, GIB, testFirstBoots } from '../support/first-boot.ts';

const CASES: readonly BootCase[] = [
  {
    name: 'OVMF, shim and GRUB',
    firmware: 'uefi',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 1,
    diskBytes: 6 * GIB,
    loaders: '{}',
    boots: 1,
  },
];

testFirstBoots(CASES);
