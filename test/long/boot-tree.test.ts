// Unreadable boot trees: too large, with circular links, or no directory.
// @host alone

import { testUnreadableTree } from '../cases/unreadable-tree.ts';

testUnreadableTree('all');
