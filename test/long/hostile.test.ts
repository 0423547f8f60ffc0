// Everything that a network can throw at a running rack, in numbers.
// @host alone

import { testHostileClients } from '../cases/hostile-clients.ts';

testHostileClients('all');
