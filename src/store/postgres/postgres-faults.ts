// The meaning of PostgreSQL's errors, and of those on the way to it.
//
// Source: postgresql.org/docs/15/errcodes-appendix.html.

import { errorText, isTlsError, RackError } from '../../errors.ts';

/** Serialisation failure, deadlock, and a key that exists although the transaction did not see it. */
const REPEATED: ReadonlySet<string> = new Set(['40001', '40P01', '23505']);

const UNIQUE_VIOLATION = '23505';

/** A COMMIT that the database does not confirm: its connection must not be used again. */
export class Unconfirmed extends RackError {}

/** The start of a code, and what to do. They may pass without help, or once an operator mends the database. */
const PASSING: readonly (readonly [code: string, remedy: string])[] = [
  ['53100', "make room on the database's disk"],
  ['53300', 'the database has no connection left: raise its max_connections, or lower region.store.pool'],
  ['53', 'the database has too little memory or disk: see its log'],
  ['25006', 'it is a standby, which only reads: name the primary in region.store.url'],
  ['55000', 'it takes no connections, or lacks what must be there first: see ALLOW_CONNECTIONS, and its log'],
  ['55006', 'another uses what is needed: see pg_stat_activity'],
  ['F0', 'the configuration of the database has a fault: see its log'],
  ['57P', 'the database is stopping or starting: see its log'],
  ['57014', 'the database took too long: see what else it does'],
  ['55P03', 'another process holds a lock for too long: see pg_stat_activity'],
  ['25P0', 'this process held a transaction for too long: see the load of its host'],
  ['40', 'too many changes at once: try again'],
  ['08', 'the connection was lost: see whether the database runs, and its log'],
  ['58', "the database cannot use its files: see its log and the kernel's"],
  ['XX', 'the database is damaged: see its log, and restore a backup'],
];

/** The start of a code, and what to do. These need an operator: a process does not start; a running one waits. */
const REFUSALS: readonly (readonly [code: string, remedy: string])[] = [
  ['28P01', 'the password is wrong: see region.store.password_file'],
  ['28', 'see its pg_hba.conf, and the user and the name of the database in region.store.url'],
  ['3D000', 'create the database with createdb(1), or correct its name in region.store.url'],
  ['42501', 'the user lacks the right: make it the owner of the database'],
  ['42P01', 'a table is missing: see the search_path of the user, or restore a backup'],
  ['42703', 'a column is missing: restore a backup'],
];

/** A NUL in a text, and as an escape in a list: no text of PostgreSQL may have one. */
const NUL_CODES: ReadonlySet<string> = new Set(['22021', '22P05']);

/** Errors of Node and of the driver, without a code of PostgreSQL. */
const LOST_CODES: ReadonlySet<string> = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOENT',
    'EAI_AGAIN',
    'ENOTFOUND',
  ],
]);
/** The driver gives these errors no code (pg 8.23, client.js and pg-pool's index.js). */
const LOST_TEXTS =
  /^(?:Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Client was closed)/;
const POOL_TEXT = /^timeout exceeded when trying to connect/;
/** The server gives this error the code of every missing feature, 0A000. */
const CACHED_PLAN_TEXT = /^cached plan must not change result type/;
const NO_PASSWORD_TEXT = /client password must be a string$/;
const NO_TLS_TEXT = /^The server does not support SSL connections/;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** True if the transaction may succeed when it runs again. */
export const isRepeatable = (error: unknown): boolean => REPEATED.has(codeOf(error)) || isStale(error);

/** True if another transaction held a lock for too long. */
export const isLockTimeout = (error: unknown): boolean => codeOf(error) === '55P03';

/** True if the database refuses the values of a statement: their form or range, or a rule of the table (classes 22 and 23). */
export const isOfData = (error: unknown): boolean => /^2[23]/.test(codeOf(error));

/** True if the prepared statements of a connection no longer fit: a table was altered, or a pooler forgot them. A new one has none. */
export function isStale(error: unknown): boolean {
  const code = codeOf(error);
  return code === '26000' || (code === '0A000' && CACHED_PLAN_TEXT.test(errorText(error)));
}

/** True if the connection is gone, so that nobody knows what became of a statement under way. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(?:08|57P)/.test(code) || LOST_CODES.has(code)) return true;
  return error instanceof Error && LOST_TEXTS.test(error.message);
}

/** Errors of a statement that was right when the tables were made: classes 42 and P0 of Appendix A. */
const CHANGED = /^(?:42|P0)/;

/** The RackError that an error of the database means; our own bugs stay as they are. */
export function explainPostgres(error: unknown): unknown {
  if (error instanceof RackError) return error;
  const code = codeOf(error);
  const said = errorText(error) || code;
  const refused = REFUSALS.find(([start]) => code.startsWith(start));
  if (refused !== undefined)
    return storeError('store-refused', `the region's database refuses (${said}): ${refused[1]}`, error);
  if (NUL_CODES.has(code)) {
    const text = `a text has a character that the region's database cannot hold (${said})`;
    return new RackError('text-unstorable', text, { cause: error });
  }
  if (NO_PASSWORD_TEXT.test(said)) {
    const text =
      "the region's database asks for a password: write it to a file, and name that in region.store.password_file";
    return storeError('store-refused', text, error);
  }
  if (isTlsError(error) || NO_TLS_TEXT.test(said)) {
    const remedy = 'see region.store.ca_file, and the certificate of the database';
    return storeError('store-refused', `the region's database cannot be trusted (${said}): ${remedy}`, error);
  }
  const passing =
    code === UNIQUE_VIOLATION ? undefined : PASSING.find(([start]) => /^\w{5}$/.test(code) && code.startsWith(start));
  const remedy =
    passing?.[1] ??
    (POOL_TEXT.test(said)
      ? 'all connections of region.store.pool are in use, or the database does not answer: see its load'
      : isLost(error)
        ? 'see whether the database runs, and region.store.url'
        : undefined);
  if (remedy === undefined) return error;
  return storeError('store-unavailable', `the region's database cannot be used now (${said}): ${remedy}`, error);
}

/**
 * The same for a process that runs. The database took it at its start, so a refusal passes once an operator has dealt with it: the process
 * answers that its store is unavailable until then, and does not end.
 */
export function explainWhileRunning(error: unknown): unknown {
  const explained = explainPostgres(error);
  if (explained instanceof RackError)
    return explained.code === 'store-refused' ? storeError('store-unavailable', explained.message, error) : explained;
  if (!CHANGED.test(codeOf(error))) return explained;
  const text = `the region's database refuses a statement (${errorText(error)}): has somebody changed its tables, rights or search_path? Its log says more`;
  return storeError('store-unavailable', text, error);
}

const storeError = (code: 'store-refused' | 'store-unavailable', text: string, cause: unknown): RackError =>
  new RackError(code, text, { cause });
