// `rackboot reset` on a rack that has run, and on a region on PostgreSQL.
// @host alone

import { testReset } from '../cases/reset-command.ts';

testReset('all');
