// `rackboot doctor` on the host of a whole rack: every fault that a test makes.
// @host alone

import { testDoctor } from '../support/doctor-command.ts';

testDoctor('all');
