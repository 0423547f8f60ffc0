// A disk that fills under a running rack: leases are refused by that name, files and names continue, and with room again, leases are given
// again without help. A small tmpfs as state directory, so as root. One that fills again, and the disk of the log, are in the long suite.
// @host waits

import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { stopsOnlyLeases, usesBallast } from '../support/full-disk.ts';
import { missing } from '../support/needs.ts';

test('a full disk stops only leases, until it has room', { skip: missing('root', 'mount') }, () =>
  stopsOnlyLeases(labPlace(22), 1),
);

test('leases go on in the room that was set aside', { skip: missing('root', 'mount') }, () =>
  usesBallast(labPlace(22)),
);
