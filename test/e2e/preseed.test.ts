// `rackboot preseed` with a running rack: the answers for an enlisted machine, and a template of the operator; the long suite has other systems and refusals, too.
// @host waits

import { testPreseed } from '../cases/preseed-command.ts';

testPreseed('short');
