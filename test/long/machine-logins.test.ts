// Logins to real machines that run the environment: in rescue mode, and while a debug login is open.
// @host alone

import { testMachineLogins } from '../cases/machine-logins.ts';

testMachineLogins();
