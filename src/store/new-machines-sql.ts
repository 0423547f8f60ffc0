// The queries by which an enlistment learns how many machines are New, and which of them may give way. They run for each report, also for one
// that is refused, so they read an index only: with 1000 New machines of 64 interfaces each, going through all of these took 5 ms a query.

import { statusRow } from '../region/records/lifecycle.ts';

const UNTOUCHED = `machine INDEXED BY machine_untouched WHERE status = ${statusRow('new').number} AND is_touched = 0`;

/** How many machines are New that no person made, changed or tagged. */
export const NEW_MACHINES_SQL = `SELECT count(*) FROM ${UNTOUCHED}`;

/** These machines, heard longest ago first. One parameter: how many. */
export const UNTOUCHED_SQL = `SELECT system_id, hostname, enlisted_from, vouched_mac, updated_ms FROM ${UNTOUCHED} ORDER BY updated_ms, id LIMIT ?`;
