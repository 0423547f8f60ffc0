// Something other than a file in the place of a file of the state, where a start finds it: every kind for every file.
// @host alone

import { testStateFiles } from '../cases/state-files.ts';

testStateFiles('all');
