// The DHCP benchmark with the two servers that its goals compare; `test/long/benchmark-dhcp.test.ts` has all of them.

import { testDhcpBenchmark } from '../bench/dhcp-in-little.ts';
import { RACKBOOT } from '../bench/figure.ts';

testDhcpBenchmark([RACKBOOT, 'kea'], 0);
