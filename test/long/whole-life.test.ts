// From bare metal to a Debian in which its owner logs in, and back, by the commands of docs/first-machine.md.
// @host alone

import { DEBIAN_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife(BIOS_LIFE, DEBIAN_SYSTEM);
