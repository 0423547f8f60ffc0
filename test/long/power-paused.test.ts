// A process of a region that is paused within a power command: every command that it continues.
// @host alone

import { testPausedPower } from '../cases/paused-power.ts';

testPausedPower();
