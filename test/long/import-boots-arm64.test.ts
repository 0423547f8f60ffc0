// A machine with arm64 is enlisted by a system that the region imported from a stream as MAAS's.
// @host computes, 170 s

import { GIB } from '../support/first-boot.ts';
import { testImportBoots } from '../support/import-boots.ts';

testImportBoots(
  [
    {
      ...{ name: 'AAVMF, shim and GRUB', firmware: 'uefi-arm64', nic: 'virtio-net-pci', memoryMib: 1024, cpus: 1 },
      ...{ diskBytes: 4 * GIB, loaders: '{}', boots: 1 },
    },
  ],
  'arm64',
  ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'],
);
