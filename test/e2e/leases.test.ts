// `rackboot leases` against a real daemon and against its files on disk: lists, one import, an end; the long suite has the other imports, too.
// @host waits

import { testLeases } from '../cases/leases-command.ts';

testLeases('short');
