// The end of the daemon, with clients that stand still, and by a second signal.
// @host alone

import { testEnds } from '../cases/ends-of-daemon.ts';

testEnds('all');
