// The region imports what is selected, with its progress. A pause or a kill costs no byte twice. An image is uploaded.
// @host waits, 40 s

import { testRegionImports } from '../cases/region-imports.ts';

testRegionImports('short');
