// `rackboot trace` and `rackboot why` over a real daemon: whole boots, and boots that are broken on purpose.
// @host alone

import { testTrace } from '../cases/trace-command.ts';

testTrace('all');
