// Laid-out disks, deployed by the real environment and started by UEFI.
// @host alone

import { testLaidDisks } from '../cases/laid-disks-started.ts';

testLaidDisks('UEFI');
