// The region imports what is selected, whatever happens meanwhile, and takes uploads by every way.
// @host alone

import { testRegionImports } from '../support/region-imports.ts';

testRegionImports('all');
