// From bare metal to Deployed and back, by the commands of docs/first-machine.md; the deployed system is a small one.
// @host computes, 300 s

import { testWholeLife } from '../cases/whole-life-steps.ts';
import { SMALL_SYSTEM } from '../support/life-systems.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';

testWholeLife({ ...BIOS_LIFE, cpus: 1 }, SMALL_SYSTEM);
