// The life of a machine by the command line, from its acceptance to its removal; the long suite has its logins, too.
// @host waits

import { testLifeByCommand } from '../cases/life-by-command.ts';

testLifeByCommand('short');
