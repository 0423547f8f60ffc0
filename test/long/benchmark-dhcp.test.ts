// The DHCP benchmark in little, with every server and a lasting load.
// @host alone

import { CONTENDERS } from '../../bench/dhcp-contenders.ts';
import { testDhcpBenchmark } from '../../bench/dhcp-in-little.ts';

testDhcpBenchmark(CONTENDERS, 1000);
