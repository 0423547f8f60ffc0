// Every parameter of every operation is sent, and read back: a known parameter that does nothing is a defect. What both versions of the API call
// alike is sent in one of them; the long suite sends it in both.

import { testParameters } from './sent/every-trial.ts';

testParameters(false);
