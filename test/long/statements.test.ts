// As test/region/statements.test.ts, on PostgreSQL.
// @host waits, 60 s

import { MANY_CHANGED, testStatements } from '../region/statement-counts.ts';

testStatements('PostgreSQL', MANY_CHANGED);
