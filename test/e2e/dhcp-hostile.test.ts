// Strangers of DHCP: no address in the name of a relay agent, and newcomers are served during a flood; the long suite has a slower flood, too.
// @host alone

import { testHostileNewcomers } from '../cases/hostile-newcomers.ts';

testHostileNewcomers('short');
