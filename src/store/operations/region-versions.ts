// Operations on versions by which processes notice changes (`steps.ts`): one of the racks' desired
// state, and one of the racks themselves.
//
// 1. A machine's row has the version of its last change for racks, so that only changes are read.
// 2. Deleted machines are remembered for GONE_VERSIONS versions; a process that is further behind
//    reads everything.

import { randomBytes, randomInt } from 'node:crypto';
import type { SettledVersion } from '../../region/records/store.ts';
import { composeInsert, composeReplace, text } from '../rows.ts';
import {
  all,
  composeUsedVersions,
  NEW_NUMBER_STATEMENT,
  one,
  readFirstNumber,
  run,
  SETTLED_VERSION,
  type Steps,
} from '../steps.ts';

const REVISION_BYTES = 8;
const DRAWN_END = 2 ** 48 - 1;

/** Each version deletes one machine at most. */
export const GONE_VERSIONS = 10_000;

const VERSION_SQL = `SELECT max(value) FROM (${composeUsedVersions()}) AS used`;

/**
 * @param ids of machines whose records for racks changed
 * @param goneSystemId a deleted machine
 */
export function* countVersion(ids: readonly number[], goneSystemId?: string): Steps<void> {
  const version = readFirstNumber(yield NEW_NUMBER_STATEMENT);
  if (ids.length > 0) {
    yield run('UPDATE machine SET desired_version = ? WHERE id IN numbers(?)', version, JSON.stringify(ids));
  }
  if (goneSystemId !== undefined) {
    yield run('INSERT INTO gone_machine (system_id, version) VALUES (?, ?)', goneSystemId, version);
    yield run('DELETE FROM gone_machine WHERE version <= ?', version - GONE_VERSIONS);
  } else if (ids.length === 0) {
    const sql =
      'INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value';
    yield run(sql, 'desired-rest', version);
  }
}

export function* desiredVersion(): Steps<number> {
  return readFirstNumber(yield one(VERSION_SQL));
}

export function* settledVersion(): Steps<SettledVersion> {
  const settledAnswer = yield SETTLED_VERSION;
  const history = settledAnswer.row === undefined ? '' : readHistory(settledAnswer.row);
  return { version: Math.min(readFirstNumber(settledAnswer), yield* desiredVersion()), history };
}

/** `undefined` if they are no longer known. */
export function* listGone(sinceVersion: number): Steps<readonly string[] | undefined> {
  if (sinceVersion < (yield* desiredVersion()) - GONE_VERSIONS) return undefined;
  const { rows } = yield all('SELECT system_id FROM gone_machine WHERE version > ?', sinceVersion);
  return rows.map(readGone);
}

/**
 * What is read again only when its version changes: the racks, with the accounts whose keys they
 * may use; the objects of networks; and the hosts of these, which may be many.
 */
type VersionName = 'racks-version' | 'networks-version' | 'hosts-version';

const DRAW_SQL = composeInsert('counter', ['name', 'value']) + composeReplace('name', ['value']);

/** Random, so it differs in every history and after a rollback. */
export function* drawVersion(name: VersionName): Steps<number> {
  const version = randomInt(1, DRAWN_END);
  yield run(DRAW_SQL, name, version);
  return version;
}

export function* readDrawnVersion(name: VersionName): Steps<number> {
  return readFirstNumber(yield one('SELECT value FROM counter WHERE name = ?', name));
}

export const createRevision = (): string => randomBytes(REVISION_BYTES).toString('hex');

const readHistory = text('history').read;
const readGone = text('system_id').read;
