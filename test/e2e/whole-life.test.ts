// From bare metal to Deployed and back, by the commands of docs/first-machine.md.
// @host computes, 600 s

import { BIOS_LIFE } from '../support/whole-life.ts';
import { testWholeLife } from '../support/whole-life-steps.ts';

testWholeLife({ ...BIOS_LIFE, cpus: 1 });
