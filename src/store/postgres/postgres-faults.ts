// The meaning of PostgreSQL's errors, and of those on the way to it.
//
// Source: postgresql.org/docs/15/errcodes-appendix.html.

import { errorText, isTlsError, RackError } from '../../ground/errors.ts';
import {
  type DatabaseFault,
  type DatabaseRefusal,
  endingText,
  type Outage,
  StoreOutage,
} from '../../region/reports/notes.ts';

/** The driver's error for bytes that are no message (pg-protocol's parser.js). */
const NO_MESSAGE_TEXT = 'received invalid response';

const isNoMessageError = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith(NO_MESSAGE_TEXT);

const UNIQUE_VIOLATION = '23505';

/** Serialisation failure, deadlock. */
const COLLISION_CODES: ReadonlySet<string> = new Set(['40001', '40P01']);
/**
 * A key that was not seen, and a reference whose row another transaction removed or added. If the
 * transaction runs alone, this is our own bug.
 */
const VIOLATION_CODES: ReadonlySet<string> = new Set([UNIQUE_VIOLATION, '23503']);

/** A COMMIT without confirmation: its connection must not be used again. */
export class Unconfirmed extends StoreOutage {}

/** Prefixes of the codes of faults that may pass by themselves, or once an operator repairs the database. */
const PASSING_FAULTS: readonly (readonly [code: string, fault: DatabaseFault])[] = [
  ['53100', 'disk-full'],
  ['53300', 'connections-taken'],
  ['53', 'short-of-resources'],
  ['25006', 'read-only'],
  ['55000', 'not-ready'],
  ['55006', 'in-use'],
  ['F0', 'configuration'],
  ['57P', 'stopping'],
  ['57014', 'slow'],
  ['55P03', 'locked'],
  ['25P0', 'transaction-held'],
  ['40', 'changes-collide'],
  ['08', 'connection-lost'],
  ['58', 'files-failing'],
  ['XX', 'damaged'],
];

/** Prefixes of codes of faults that need an operator: a process does not start, and a running one waits. */
const REFUSALS: readonly (readonly [code: string, fault: DatabaseRefusal])[] = [
  ['28P01', 'wrong-password'],
  ['28', 'not-admitted'],
  ['3D000', 'no-such-database'],
  ['42501', 'not-owner'],
  ['42P01', 'table-missing'],
  ['42703', 'column-missing'],
];

/** A NUL in a text, and as an escape in a list. */
const NUL_CODES: ReadonlySet<string> = new Set(['22021', '22P05']);

/**
 * The errors of the system and its resolver, as Node names them (nodejs.org/api/errors.html,
 * "Common system errors").
 */
const SYSTEM_CODE = /^E(?!RR_)[A-Z0-9_]+$/;
/** The driver gives these errors no code (pg 8.23, client.js and pg-pool's index.js). */
const LOST_CONNECTION_TEXTS =
  /^(?:Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Client was closed)/;
const POOL_TIMEOUT_TEXT = /^timeout exceeded when trying to connect/;
/** The code is that of every missing feature, 0A000. */
const CACHED_PLAN_ROUTINE = 'RevalidateCachedQuery';
/** The refusal of pgbouncer if a connection begins with settings (1.18, client.c; code 08P01). */
const POOLER_TEXT = /^unsupported startup parameter: /;
const NO_PASSWORD_TEXT = /client password must be a string$/;
const NO_TLS_TEXT = /^The server does not support SSL connections/;

const readDatabaseErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** @param isAlone true: no other transaction wrote during this one */
export function isRepeatable(error: unknown, isAlone: boolean): boolean {
  const code = readDatabaseErrorCode(error);
  return COLLISION_CODES.has(code) || (VIOLATION_CODES.has(code) && !isAlone) || isStalePlan(error);
}

export const isLockTimeout = (error: unknown): boolean => readDatabaseErrorCode(error) === '55P03';

/** True if prepared statements no longer fit: a table was altered, or somebody removed them. */
function isStalePlan(error: unknown): boolean {
  const code = readDatabaseErrorCode(error);
  const isCachedPlanError = error instanceof Error && 'routine' in error && error.routine === CACHED_PLAN_ROUTINE;
  return code === '26000' || (code === '0A000' && isCachedPlanError);
}

/** True if the connection is gone: nobody knows what became of a statement under way. */
export function isConnectionLost(error: unknown): boolean {
  const code = readDatabaseErrorCode(error);
  if (/^(?:08|57P)/.test(code) || SYSTEM_CODE.test(code) || isNoMessageError(error)) return true;
  return error instanceof Error && LOST_CONNECTION_TEXTS.test(error.message);
}

export const endsConnection = (error: unknown): boolean =>
  isConnectionLost(error) ||
  isStalePlan(error) ||
  error instanceof Unconfirmed ||
  (error instanceof StoreOutage && error.outage.note === 'database-pooled');

/** `undefined` if there is no error of the database, or it is our own bug. */
function interpretError(error: unknown): { readonly isRefusal: boolean; readonly outage: Outage } | undefined {
  const code = readDatabaseErrorCode(error);
  const message = errorText(error) || code;
  const refusal = REFUSALS.find(([codePrefix]) => code.startsWith(codePrefix));
  if (refusal !== undefined)
    return { isRefusal: true, outage: { note: 'database-refuses', fault: refusal[1], said: message } };
  if (isNoMessageError(error))
    return { isRefusal: true, outage: { note: 'database-refuses', fault: 'another-server', said: message } };
  if (POOLER_TEXT.test(message)) return { isRefusal: true, outage: { note: 'database-pooled' } };
  if (NO_PASSWORD_TEXT.test(message)) return { isRefusal: true, outage: { note: 'database-asks-password' } };
  if (isTlsError(error) || NO_TLS_TEXT.test(message))
    return { isRefusal: true, outage: { note: 'database-untrusted', said: message } };
  const fault = findPassingFault(code, message, error);
  return fault && { isRefusal: false, outage: { note: 'database-unusable', fault, said: message } };
}

function findPassingFault(code: string, message: string, error: unknown): DatabaseFault | undefined {
  const faultEntry =
    code === UNIQUE_VIOLATION
      ? undefined
      : PASSING_FAULTS.find(([codePrefix]) => /^\w{5}$/.test(code) && code.startsWith(codePrefix));
  if (faultEntry !== undefined) return faultEntry[1];
  if (POOL_TIMEOUT_TEXT.test(message)) return 'pool-taken';
  return isConnectionLost(error) ? 'unreached' : undefined;
}

function explainUnstorable(error: unknown): RackError | undefined {
  const code = readDatabaseErrorCode(error);
  if (!NUL_CODES.has(code)) return undefined;
  const text = `a text has a character that the region's database cannot hold (${errorText(error) || code})`;
  return new RackError('text-unstorable', text, { cause: error });
}

export const isRefusedConnection = (error: unknown): boolean =>
  !isConnectionLost(error) && !POOL_TIMEOUT_TEXT.test(errorText(error)) && interpretError(error) !== undefined;

/** Errors that the database has not reported stay as they are. */
export function explainPostgres(error: unknown): unknown {
  if (error instanceof RackError) return error;
  const meaning = interpretError(error);
  if (meaning?.isRefusal === true) return new RackError('store-refused', endingText(meaning.outage), { cause: error });
  return (
    explainUnstorable(error) ?? (meaning === undefined ? error : new StoreOutage(meaning.outage, { cause: error }))
  );
}

/**
 * As `explainPostgres`, for a process that the database has admitted at its start: it waits until
 * an operator has dealt with a refusal, and until then the store is unavailable.
 */
export function explainWhileRunning(error: unknown): unknown {
  const explained = explainPostgres(error);
  const meaning = explained === error ? undefined : interpretError(error);
  return meaning?.isRefusal === true ? new StoreOutage(meaning.outage, { cause: error }) : explained;
}
