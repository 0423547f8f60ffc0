// From bare metal to a Debian in which its owner logs in, and back, by the commands of docs/first-machine.md: a machine with a BIOS, one with UEFI,
// which loads shim and GRUB by the network and its own disk by its loader, one with a processor of 32 bits, from a tree that has both kinds, and an
// arm64 machine, whose BMC a person names.
// @host alone

import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife(BIOS_LIFE, DEBIAN_SYSTEM);
testWholeLife({ ...BIOS_LIFE, firmware: 'uefi', bus: 'pci' }, DEBIAN_SYSTEM);
testWholeLife({ ...BIOS_LIFE, content: 'amd64+i386', loaders: '{ ipxe: pxelinux.0 }', qemu32: true }, DEBIAN_SYSTEM);
testWholeLife({ ...BIOS_LIFE, firmware: 'uefi-arm64', content: 'arm64', bus: undefined }, DEBIAN_SYSTEM, [
  'qemu-system-aarch64',
  '/usr/share/AAVMF/AAVMF_CODE.fd',
]);
