// The main job on an arm64 machine: its firmware loads shim and GRUB, which load the environment built for arm64.
// @host computes, 170 s

import { GIB, testFirstBoots } from '../support/first-boot.ts';

testFirstBoots(
  [
    {
      name: 'AAVMF, shim and GRUB',
      firmware: 'uefi-arm64',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 1,
      diskBytes: 7 * GIB,
      loaders: '{}',
      boots: 1,
    },
  ],
  { content: 'arm64', needs: ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'] },
);
