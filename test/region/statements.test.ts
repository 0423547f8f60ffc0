// The number of queries does not grow with the number of entries (statement-counts.ts). `test/long/` has the large changes on PostgreSQL.

import { MANY_CHANGED, testStatements } from './statement-counts.ts';

/** More than the region updates or stores together, and than five batches of reports. */
const MANY_CHANGED_THERE = 200;

testStatements('SQLite', MANY_CHANGED);
testStatements('PostgreSQL', MANY_CHANGED_THERE);
