// The end of a lease is reported once, through several restarts.
// @host alone

import { testEndsOfLeases } from '../cases/ends-of-leases.ts';

testEndsOfLeases('all');
