// A machine is enlisted by a system that the region imported from a stream as MAAS's, by BIOS and by UEFI, and when the system is deleted and
// imported again during the boot. `test/long/` has arm64.
// @host computes, 120 s

import { GIB } from '../support/first-boot.ts';
import { testImportBoots } from '../support/import-boots.ts';

const COMMON = { nic: 'virtio-net-pci', cpus: 1, diskBytes: 4 * GIB, loaders: '{}', boots: 1 } as const;

testImportBoots(
  [
    { ...COMMON, name: 'SeaBIOS and iPXE', firmware: 'bios', memoryMib: 512 },
    { ...COMMON, name: 'OVMF, shim and GRUB', firmware: 'uefi', memoryMib: 1024 },
  ],
  'amd64',
  ['/usr/share/OVMF/OVMF_CODE_4M.fd'],
);
