// A stranger of DHCP gets no address in the name of a relay agent; the long suite has floods of invented clients, too.
// @host waits

import { testHostileNewcomers } from '../cases/hostile-newcomers.ts';

testHostileNewcomers('short');
