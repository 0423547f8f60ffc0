// Every parameter of every operation is sent, and read back: a known parameter that does nothing is a defect. An operation that both versions of
// the API call alike is tried in one of them here, and in both in the long suite.

import { testParameters } from './sent/every-trial.ts';

testParameters(false);
