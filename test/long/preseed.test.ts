// `rackboot preseed` with a running rack: every system, purpose and refusal.
// @host alone

import { testPreseed } from '../cases/preseed-command.ts';

testPreseed('all');
