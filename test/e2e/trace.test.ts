// `rackboot trace` over a real daemon: a boot whole, and after a restart; the long suite has broken boots and `rackboot why`, too.
// @host waits

import { testTrace } from '../cases/trace-command.ts';

testTrace('short');
