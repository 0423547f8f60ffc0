// `kill -9` of the daemon between two steps of a boot, at three of them; the long suite has every step.
// @host waits

import { testKilledBoots } from '../cases/killed-boots.ts';

testKilledBoots('short');
