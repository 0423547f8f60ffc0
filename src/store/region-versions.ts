// Operations on the versions that tell processes what changed in region.db (`region-steps.ts`): one of the racks' desired state, one of
// the racks themselves.
//
// 1. A machine's row carries the version in which racks got it last, so a process reads only what changed since it read last.
// 2. Deleted machines are remembered for GONE_VERSIONS versions. Whoever read before that reads everything again.

import { text } from './region-rows.ts';
import { all, numberIn, one, run, type Statement, type Steps } from './region-steps.ts';

/** How long deleted machines are remembered, in versions; each version deletes one machine at most. */
export const GONE_VERSIONS = 10_000;

const COUNT_SQL =
  'INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = counter.value + 1';
const VERSION_SQL = "SELECT value FROM counter WHERE name = 'desired-version'";

/** Counts one version of the racks' desired state. @param ids the machines that racks get otherwise than before */
export function* countVersion(ids: readonly number[], gone?: string): Steps<void> {
  yield run(COUNT_SQL, 'desired-version');
  if (ids.length > 0) {
    const sql = `UPDATE machine SET desired_version = (${VERSION_SQL}) WHERE id IN numbers(?)`;
    yield run(sql, JSON.stringify(ids));
  }
  if (gone === undefined) return;
  yield run(`INSERT INTO gone_machine (system_id, version) SELECT ?, (${VERSION_SQL})`, gone);
  yield run(`DELETE FROM gone_machine WHERE version <= (${VERSION_SQL}) - ?`, GONE_VERSIONS);
}

export function* desiredVersion(): Steps<number> {
  return numberIn(yield one(VERSION_SQL));
}

/** The machines deleted after a version; undefined if they are no longer known. */
export function* listGone(since: number): Steps<readonly string[] | undefined> {
  if (since < (yield* desiredVersion()) - GONE_VERSIONS) return undefined;
  const { rows } = yield all('SELECT system_id FROM gone_machine WHERE version > ?', since);
  return rows.map((row) => text(row, 'system_id'));
}

/** Counts one version of the racks, and of what decides who may speak as one. */
export const countRacksVersion = (): Statement => run(COUNT_SQL, 'racks-version');

export function* racksVersion(): Steps<number> {
  return numberIn(yield one("SELECT value FROM counter WHERE name = 'racks-version'"));
}
