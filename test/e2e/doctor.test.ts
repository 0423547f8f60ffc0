// `rackboot doctor` on the host of a whole rack: it reports no false fault, and names the first ones; the long suite has the other faults, too.
// @host rests

import { testDoctor } from '../cases/doctor-command.ts';

testDoctor('short');
