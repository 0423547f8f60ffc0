// Leases reported as durable survive `kill -9`, three times; the long suite has a hundred kills.
// @host waits

import { testKilledJournal } from '../cases/killed-journal.ts';

testKilledJournal(3);
