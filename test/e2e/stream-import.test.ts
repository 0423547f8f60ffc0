// `rackboot images import` of a kernel and a boot loader of a stream as MAAS's, and a region that imports what is selected.
// @host waits, 20 s

import { testStreamImports } from '../cases/stream-imports.ts';

testStreamImports('short');
