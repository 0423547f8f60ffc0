// `rackboot preseed` with a running rack: every system, purpose and refusal.
// @host alone

import { testPreseed } from '../support/preseed-command.ts';

testPreseed('all');
