// Noise, floods and stalled clients against a running rack, some of each; the long suite has several times as many.
// @host waits

import { testHostileClients } from '../cases/hostile-clients.ts';

testHostileClients('short');
