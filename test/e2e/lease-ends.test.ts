// The end of a lease is reported once, on time or when the rack runs again; the long suite has more restarts.
// @host rests

import { testEndsOfLeases } from '../cases/ends-of-leases.ts';

testEndsOfLeases('short');
