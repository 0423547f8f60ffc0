// From bare metal to Deployed and back, by the commands of docs/first-machine.md; the deployed system is a small one.
// @host computes, 300 s

import { SMALL_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife({ ...BIOS_LIFE, cpus: 1 }, SMALL_SYSTEM);
