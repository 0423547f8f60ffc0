// A boot tree with too many files: the rack serves, reports it, and continues; the long suite has other unreadable trees, too.
// @host waits, 60 s

import { testUnreadableTree } from '../cases/unreadable-tree.ts';

testUnreadableTree('short');
