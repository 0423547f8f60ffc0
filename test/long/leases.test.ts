// `rackboot leases` against a real daemon and against its files on disk: every list and import.
// @host alone

import { testLeases } from '../cases/leases-command.ts';

testLeases('all');
