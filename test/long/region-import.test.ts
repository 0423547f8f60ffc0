// The region imports what is selected, whatever happens meanwhile, and takes uploads by every way.
// @host alone

import { testRegionImports } from '../cases/region-imports.ts';

testRegionImports('all');
