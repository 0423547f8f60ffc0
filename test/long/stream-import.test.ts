// `rackboot images import` of all that a stream as MAAS's can hold, and of streams that no import may believe.
// @host alone

import { testStreamImports } from '../cases/stream-imports.ts';

testStreamImports('all');
