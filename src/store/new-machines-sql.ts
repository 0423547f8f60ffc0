// The queries by which an enlistment learns how many machines are New, and which of them may give way. They run for each report, also for one
// that is refused, so they read indexes only: with 1000 New machines of 64 interfaces each, going through all of these took 5 ms a query.

import { statusRow } from '../region/records/lifecycle.ts';

const NEW = statusRow('new').number;
/** The index has the interfaces that a person gave a machine, and no others. */
const MADE_BY_PEOPLE = "SELECT 1 FROM interface WHERE machine_id = machine.id AND source = 'person'";

/** How many machines are New and made by no person. */
export const NEW_MACHINES_SQL = `SELECT count(*) FROM machine WHERE status = ${NEW} AND NOT EXISTS (${MADE_BY_PEOPLE})`;

/** New machines for whose boot no rack vouched, and which no person made, those heard longest ago first. One parameter: how many. */
export const UNPROVEN_SQL =
  'SELECT system_id, hostname, enlisted_from, updated_ms FROM machine INDEXED BY machine_unproven ' +
  `WHERE status = ${NEW} AND vouched_mac IS NULL AND NOT EXISTS (${MADE_BY_PEOPLE}) ORDER BY updated_ms, id LIMIT ?`;
