// The first uses of `rackboot init` on a host of its own: by flags and by questions on a terminal; the long suite has the others, too.
// @host waits

import { testInit } from '../cases/init-command.ts';

testInit('short');
