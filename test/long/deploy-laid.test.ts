// Laid-out disks, deployed by the real environment and started by BIOS.
// @host alone

import { testLaidDisks } from '../cases/laid-disks-started.ts';

testLaidDisks('BIOS');
