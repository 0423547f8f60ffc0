// A process of a region that is paused within a power command, in short; the long suite has the other commands.
// @host waits, 70 s

import { testPausedPower } from '../support/paused-power.ts';

testPausedPower('some');
