// `rackboot reset` on a rack that has run: it refuses while the rack runs, asks, and leaves nothing behind; the long suite has a region on PostgreSQL, too.
// @host waits

import { testReset } from '../cases/reset-command.ts';

testReset('short');
