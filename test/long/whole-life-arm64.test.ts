// The whole life of an arm64 machine, whose BMC a person names.
// @host alone

import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife({ ...BIOS_LIFE, firmware: 'uefi-arm64', content: 'arm64', bus: undefined }, DEBIAN_SYSTEM, [
  'qemu-system-aarch64',
  '/usr/share/AAVMF/AAVMF_CODE.fd',
]);
