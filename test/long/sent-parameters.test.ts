// Every parameter of every operation is sent in each version of the API, and read back.
// @host computes, 70 s

import { testParameters } from '../region/api/sent/every-trial.ts';

testParameters(true);
