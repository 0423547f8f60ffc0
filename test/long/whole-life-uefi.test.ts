// The whole life of a machine with UEFI: shim and GRUB by the network, and its own disk by its loader.
// @host alone

import { GIB } from '../support/first-boot.ts';
import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife(
  {
    firmware: 'uefi',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 2,
    diskBytes: 4 * GIB,
    loaders: '{}',
    content: 'amd64',
    bus: 'pci',
  },
  DEBIAN_SYSTEM,
);
