// Every parameter of every operation is sent in each version of the API, and read back; without it, it is not.
// @host computes, 190 s

import { testParameters } from '../region/api/sent/every-trial.ts';

testParameters(true);
