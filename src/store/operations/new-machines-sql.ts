// The queries with which an enlistment finds how many machines are New, which of them may give way, and how many a user has added. They run
// for every report, even a refused one, so they read by an index, the first two nothing else: with 1000 New machines of 64 interfaces each,
// a scan took 5 ms per query.

import { statusRow } from '../../region/records/lifecycle.ts';

const UNTOUCHED = `machine INDEXED BY machine_untouched WHERE status = ${statusRow('new').number} AND is_touched = 0`;

/** Counts the New machines that no person added, changed or tagged. */
export const NEW_MACHINES_SQL = `SELECT count(*) FROM ${UNTOUCHED}`;

/** Lists these machines, the least recently updated first. One parameter: the limit. */
export const UNTOUCHED_SQL = `SELECT system_id, hostname, enlisted_from, vouched_mac, updated_ms FROM ${UNTOUCHED} ORDER BY updated_ms, id LIMIT ?`;

/** Counts the machines that a user without administrator's rights added, and that no rack has booted. One parameter: the user. */
export const UNBOOTED_SQL =
  'SELECT count(*) FROM machine INDEXED BY machine_unbooted WHERE added_by = ? AND vouched_mac IS NULL AND device IS NULL';
