// Strangers of DHCP: no address in the name of a relay agent, and newcomers are served during floods.
// @host alone

import { testHostileNewcomers } from '../cases/hostile-newcomers.ts';

testHostileNewcomers('all');
