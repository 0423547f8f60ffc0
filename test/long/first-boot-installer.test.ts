// The main job by way of Debian's installer: the preseed that the region serves runs the agent in it, and no question is asked.
// @host alone

import { GIB, testFirstBoots } from '../support/first-boot.ts';

testFirstBoots(
  [
    {
      name: "SeaBIOS, virtio, iPXE by HTTP, Debian's installer",
      firmware: 'bios',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 2,
      diskBytes: 9 * GIB,
      loaders: '{}',
      boots: 1,
    },
  ],
  { content: 'amd64-installer', needs: ['depmod'] },
);
