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
const NO_MESSAGE = 'received invalid response';

const isNoMessage = (error: unknown): boolean => error instanceof Error && error.message.startsWith(NO_MESSAGE);

const UNIQUE_VIOLATION = '23505';

/** Serialisation failure, deadlock. */
const COLLISIONS: ReadonlySet<string> = new Set(['40001', '40P01']);
/**
 * An unseen key, and a reference whose row another transaction removed or added. Of a transaction
 * that runs alone, our own bug.
 */
const VIOLATIONS: ReadonlySet<string> = new Set([UNIQUE_VIOLATION, '23503']);

/** A COMMIT without confirmation: its connection must not be used again. */
export class Unconfirmed extends StoreOutage {}

/** Prefixes of codes of faults that may pass, or once an operator repairs the database. */
const PASSING: readonly (readonly [code: string, fault: DatabaseFault])[] = [
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
const LOST_TEXTS =
  /^(?:Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Client was closed)/;
const POOL_TEXT = /^timeout exceeded when trying to connect/;
/** The code is that of every missing feature, 0A000. */
const CACHED_PLAN_ROUTINE = 'RevalidateCachedQuery';
/** The refusal of pgbouncer if a connection begins with settings (1.18, client.c; code 08P01). */
const POOLER_TEXT = /^unsupported startup parameter: /;
const NO_PASSWORD_TEXT = /client password must be a string$/;
const NO_TLS_TEXT = /^The server does not support SSL connections/;

const databaseErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** @param isAlone true: no other transaction wrote during this one */
export function isRepeatable(error: unknown, isAlone: boolean): boolean {
  const code = databaseErrorCode(error);
  return COLLISIONS.has(code) || (VIOLATIONS.has(code) && !isAlone) || isStale(error);
}

export const isLockTimeout = (error: unknown): boolean => databaseErrorCode(error) === '55P03';

/** True if prepared statements no longer fit: a table was altered, or somebody removed them. */
function isStale(error: unknown): boolean {
  const code = databaseErrorCode(error);
  const isPlan = error instanceof Error && 'routine' in error && error.routine === CACHED_PLAN_ROUTINE;
  return code === '26000' || (code === '0A000' && isPlan);
}

/** True if the connection is gone: nobody knows what became of a statement under way. */
export function isLost(error: unknown): boolean {
  const code = databaseErrorCode(error);
  if (/^(?:08|57P)/.test(code) || SYSTEM_CODE.test(code) || isNoMessage(error)) return true;
  return error instanceof Error && LOST_TEXTS.test(error.message);
}

export const endsConnection = (error: unknown): boolean =>
  isLost(error) ||
  isStale(error) ||
  error instanceof Unconfirmed ||
  (error instanceof StoreOutage && error.outage.note === 'database-pooled');

/** Undefined: none, or our own bug. */
function interpretError(error: unknown): { readonly isRefusal: boolean; readonly outage: Outage } | undefined {
  const code = databaseErrorCode(error);
  const message = errorText(error) || code;
  const refused = REFUSALS.find(([start]) => code.startsWith(start));
  if (refused !== undefined)
    return { isRefusal: true, outage: { note: 'database-refuses', fault: refused[1], said: message } };
  if (isNoMessage(error))
    return { isRefusal: true, outage: { note: 'database-refuses', fault: 'another-server', said: message } };
  if (POOLER_TEXT.test(message)) return { isRefusal: true, outage: { note: 'database-pooled' } };
  if (NO_PASSWORD_TEXT.test(message)) return { isRefusal: true, outage: { note: 'database-asks-password' } };
  if (isTlsError(error) || NO_TLS_TEXT.test(message))
    return { isRefusal: true, outage: { note: 'database-untrusted', said: message } };
  const fault = passingFault(code, message, error);
  return fault && { isRefusal: false, outage: { note: 'database-unusable', fault, said: message } };
}

function passingFault(code: string, message: string, error: unknown): DatabaseFault | undefined {
  const passing =
    code === UNIQUE_VIOLATION ? undefined : PASSING.find(([start]) => /^\w{5}$/.test(code) && code.startsWith(start));
  if (passing !== undefined) return passing[1];
  if (POOL_TEXT.test(message)) return 'pool-taken';
  return isLost(error) ? 'unreached' : undefined;
}

function unstorable(error: unknown): RackError | undefined {
  const code = databaseErrorCode(error);
  if (!NUL_CODES.has(code)) return undefined;
  const text = `a text has a character that the region's database cannot hold (${errorText(error) || code})`;
  return new RackError('text-unstorable', text, { cause: error });
}

export const isRefusedConnection = (error: unknown): boolean =>
  !isLost(error) && !POOL_TEXT.test(errorText(error)) && interpretError(error) !== undefined;

/** Errors that the database has not reported stay as they are. */
export function explainPostgres(error: unknown): unknown {
  if (error instanceof RackError) return error;
  const meaning = interpretError(error);
  if (meaning?.isRefusal === true) return new RackError('store-refused', endingText(meaning.outage), { cause: error });
  return unstorable(error) ?? (meaning === undefined ? error : new StoreOutage(meaning.outage, { cause: error }));
}

/**
 * As `explainPostgres`, for a process that runs. Accepted at its start, the process waits until an
 * operator has dealt with a refusal; until then the store is unavailable.
 */
export function explainWhileRunning(error: unknown): unknown {
  const explained = explainPostgres(error);
  const meaning = explained === error ? undefined : interpretError(error);
  return meaning?.isRefusal === true ? new StoreOutage(meaning.outage, { cause: error }) : explained;
}
