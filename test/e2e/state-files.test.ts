// Something other than a file in the place of a file of the state, where a start finds it: FIFOs.
// test/long has every kind for every file.
// @host waits

import { testStateFiles } from '../cases/state-files.ts';

testStateFiles('short');
