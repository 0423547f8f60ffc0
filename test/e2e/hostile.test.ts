// What a network can throw at a running rack, some of it; the long suite has several times as much.
// @host waits

import { testHostileClients } from '../support/hostile-clients.ts';

testHostileClients('short');
