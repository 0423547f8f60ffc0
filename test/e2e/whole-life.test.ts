// From bare metal to Deployed and back, by the commands of docs/first-machine.md.
// @host computes, 600 s

import { GIB } from '../support/first-boot.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife({
  firmware: 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 1024,
  cpus: 1,
  diskBytes: 4 * GIB,
  loaders: '{}',
  content: 'amd64',
  bus: 'isa',
});
