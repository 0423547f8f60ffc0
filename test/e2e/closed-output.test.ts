// `rackboot … | head -1`: a command whose output is no longer read ends silently; the long suite has more commands.
// @host waits

import { testQuietEnds } from '../cases/quiet-ends.ts';

testQuietEnds('short');
