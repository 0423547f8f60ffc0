// Leases reported as durable survive `kill -9`, a hundred times.
// @host alone

import { testKilledJournal } from '../cases/killed-journal.ts';

testKilledJournal(100);
