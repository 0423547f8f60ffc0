// The whole life of a machine with UEFI: shim and GRUB by the network, and its own disk by its loader.
// @host alone

import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife({ ...BIOS_LIFE, firmware: 'uefi', bus: 'pci' }, DEBIAN_SYSTEM);
