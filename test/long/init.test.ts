// `rackboot init` on a host of its own: every use, and every end.
// @host alone

import { testInit } from '../cases/init-command.ts';

testInit('all');
