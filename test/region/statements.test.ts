// The number of queries does not grow with the number of entries (statement-counts.ts). Both stores run the same statements; the long suite counts
// those of PostgreSQL.

import { MANY_CHANGED, testStatements } from './statement-counts.ts';

testStatements('SQLite', MANY_CHANGED);
