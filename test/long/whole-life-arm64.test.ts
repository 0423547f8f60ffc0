// The whole life of an arm64 machine, whose BMC a person names.
// @host alone

import { GIB } from '../support/first-boot.ts';
import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife(
  {
    firmware: 'uefi-arm64',
    nic: 'virtio-net-pci',
    memoryMib: 1024,
    cpus: 2,
    diskBytes: 4 * GIB,
    loaders: '{}',
    content: 'arm64',
    bus: undefined,
  },
  DEBIAN_SYSTEM,
  ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'],
);
