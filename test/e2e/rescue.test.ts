// A login to a real machine in rescue mode; the long suite has the debug login, too.
// @host computes, 60 s

import { testMachineLogins } from '../support/machine-logins.ts';

testMachineLogins('rescue');
