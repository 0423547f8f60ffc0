// `rackboot … | head -1`: commands whose output is no longer read end silently.
// @host alone

import { testQuietEnds } from '../cases/quiet-ends.ts';

testQuietEnds('all');
