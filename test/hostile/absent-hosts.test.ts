// Replies to many hosts that do not exist leave the others' questions answered; the long suite has further numbers of hosts and sockets.
// @host alone
// @long without

import { testAbsentHosts } from '../cases/absent-hosts.ts';

testAbsentHosts('short');
