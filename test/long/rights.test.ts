// Further states of a machine in which every form of the pages accepts and refuses what its operation accepts and refuses.
// @host computes, 20 s

import { compareRights, MACHINES } from '../region/page/compared-rights.ts';

for (const machine of MACHINES) if (machine.isRare === true) compareRights(machine);
