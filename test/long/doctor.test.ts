// `rackboot doctor` on the host of a whole rack: every fault that a test makes.
// @host alone

import { testDoctor } from '../cases/doctor-command.ts';

testDoctor('all');
