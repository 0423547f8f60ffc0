// Replies to hosts that do not exist leave the others' questions answered: few, some and many of them, by each kind of socket.
// @host alone

import { testAbsentHosts } from '../cases/absent-hosts.ts';

testAbsentHosts('all');
