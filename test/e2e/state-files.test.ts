// Something other than a file in the place of a file of the state, where a start finds it: a FIFO for each file, and directories.
// test/long has every kind for every file.
// @host waits, 40 s

import { testStateFiles } from '../support/state-files.ts';

testStateFiles('short');
