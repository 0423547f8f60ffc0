// Opens the store that a configuration file names.

import type { ConfigFile } from '../config/config-file.ts';
import type { ConfigProblem } from '../config/rack-config.ts';
import type { PostgresStoreConfig, StoreLocation } from '../config/region-store.ts';
import { readAuthorities, readNamedFile } from '../files/certificate.ts';
import { RackError, unreachable } from '../ground/errors.ts';
import type { RegionStore } from '../region/records/store.ts';
import { describeOutage, StoreOutage } from '../region/reports/notes.ts';
import type { PostgresPlace } from '../store/postgres/postgres-place.ts';
import { openCommandRegion } from '../store/sqlite/command-region.ts';
import { hasRegionStore, openRegionStore } from '../store/sqlite/region-sqlite.ts';
import { findCopyProblems } from './copy-problems.ts';

/**
 * Opens a store. @param name of a region's process, which has locked the state directory. Undefined
 * if a command opens the store
 * @throws RackError `store-…`, `config-invalid` for a file that cannot be read
 */
export async function openStore({ stateDir, store }: StoreLocation, name?: string): Promise<RegionStore> {
  switch (store.kind) {
    case 'sqlite':
      return name === undefined ? openCommandRegion(stateDir) : openRegionStore({ stateDir });
    case 'postgresql': {
      // The driver is loaded only where it is used.
      const { openPostgresRegion } = await import('../store/postgres/region-postgres.ts');
      return await openPostgresRegion(readDatabaseAccess(store), name);
    }
    default:
      return unreachable(store);
  }
}

/** False if opening the store would create it. */
export const hasStore = ({ stateDir, store }: StoreLocation): boolean =>
  store.kind !== 'sqlite' || hasRegionStore(stateDir);

/**
 * Reads the password file and the CA file of a database. Each new connection reads them again, so
 * that a new password or authority needs no restart. @throws RackError `config-invalid`
 */
export function readDatabaseAccess({ url, pool, passwordFile, caFile }: PostgresStoreConfig): PostgresPlace {
  if (passwordFile !== undefined) readStoreFile('password_file', passwordFile);
  const password = passwordFile === undefined ? undefined : () => readStorePassword(passwordFile);
  return { url, pool, password, ca: caFile === undefined ? undefined : watchAuthority(caFile) };
}

/**
 * Reads the authority now, and again for each connection. While its file cannot be read, the last
 * authority is used. @throws RackError `config-invalid`
 */
function watchAuthority(path: string): () => string {
  let lastAuthority = readStoreFile('ca_file', path);
  return () => {
    try {
      lastAuthority = readStoreFile('ca_file', path);
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
    }
    return lastAuthority;
  };
}

/** The problems of the store that a configuration file names. */
interface StoreCheck {
  readonly problems: readonly ConfigProblem[];
  /** Why the database was not checked. Undefined if it was, or if there is none. */
  readonly unreachableReason?: string | undefined;
}

/**
 * Finds the problems that the user of this process has now with the files of `region.store`, and
 * with an interrupted copy into the store. A database that cannot be reached from this host is no
 * problem of the configuration file.
 */
export async function checkStore(
  { stateDir, store }: StoreLocation,
  findLine: ConfigFile['findLine'],
): Promise<StoreCheck> {
  if (store.kind === 'sqlite') return { problems: findCopyProblems(stateDir, findLine) };
  const problems = findFileProblems(store, findLine);
  if (problems.length > 0) return { problems };
  try {
    const { checkPostgresTables } = await import('../store/postgres/region-postgres.ts');
    await checkPostgresTables(readDatabaseAccess(store));
    return { problems };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    if (error.code !== 'store-broken' && error.code !== 'store-newer')
      return { problems, unreachableReason: error.message };
    const key = ['region', 'store', 'url'];
    return { problems: [{ path: key.join('.'), line: findLine(key), message: error.message }] };
  }
}

function findFileProblems(store: PostgresStoreConfig, findLine: ConfigFile['findLine']): readonly ConfigProblem[] {
  const files = [
    ['password_file', store.passwordFile],
    ['ca_file', store.caFile],
  ] as const;
  return files.flatMap(([key, path]) => {
    try {
      if (path !== undefined) READERS[key](path);
      return [];
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      const line = findLine(['region', 'store', key]);
      return [{ path: `region.store.${key}`, line, message: error.message }];
    }
  });
}

const READERS = { password_file: readPassword, ca_file: readAuthorities } as const;

function readStoreFile(key: keyof typeof READERS, path: string): string {
  try {
    return READERS[key](path);
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    throw new RackError(error.code, `region.store.${key}: ${error.message}`, { cause: error.cause });
  }
}

/** Reads the password for a connection. @throws StoreOutage if the file cannot be read any more */
function readStorePassword(path: string): string {
  try {
    return readStoreFile('password_file', path);
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    throw new StoreOutage(describeOutage(error), { cause: error });
  }
}

function readPassword(path: string): string {
  // Some editors end a line with CR and LF.
  const [password = ''] = readNamedFile(path).split(/\r?\n/);
  if (password !== '') return password;
  throw new RackError('config-invalid', `the first line of ${path} is empty: write the database's password there`);
}
