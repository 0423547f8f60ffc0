// The end of the daemon: ACKs that wait for the disk leave, transfers come to their end, events reach the region; the long suite has stalled clients and a second signal, too.
// @host waits

import { testEnds } from '../cases/ends-of-daemon.ts';

testEnds('short');
