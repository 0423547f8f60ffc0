// Why a socket in the state directory could not be created, with the remedy.

import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { composeOwnershipRemedy } from './ownership.ts';

const STATE_DIR_REMEDY = 'or set state_dir to another one';
const freeSpaceText = (): string => `make room there, ${STATE_DIR_REMEDY} on another file system`;
const describeOwnerRemedy = (path: string, stateDir: string): string =>
  `${composeOwnershipRemedy(path, stateDir)}; ${STATE_DIR_REMEDY}`;

/** The remedy when the system refuses to create the socket's file, by error code. */
const SOCKET_REMEDIES: ReadonlyMap<string, (path: string, stateDir: string) => string> = new Map([
  ['EACCES', describeOwnerRemedy],
  ['EPERM', describeOwnerRemedy],
  ['EROFS', () => `the file system is read-only: mount it writable (mount -o remount,rw), ${STATE_DIR_REMEDY}`],
  ['ENOSPC', freeSpaceText],
  ['EDQUOT', freeSpaceText],
]);

const PATH_REMEDY = 'keep its path below 90 characters';
/** The system's error for a path that does not fit into the address of a socket. */
const PATH_CODES: ReadonlySet<string> = new Set(['ENAMETOOLONG', 'EINVAL']);

/**
 * The error to report when creating `socket` failed with `cause`; an error that already has a code
 * keeps it.
 */
export function describeSocketRefusal(socket: string, cause: unknown, path: string, stateDir: string): RackError {
  if (cause instanceof RackError) return cause;
  const code = osErrorCode(cause) ?? '';
  const diskRemedy = SOCKET_REMEDIES.get(code)?.(path, stateDir);
  const remedy = diskRemedy ?? (PATH_CODES.has(code) ? PATH_REMEDY : undefined);
  const text = `${socket} ${path} cannot be created: ${[code || errorText(cause), remedy ?? []].flat().join('; ')}`;
  return new RackError(diskRemedy === undefined ? 'socket-refused' : 'store-unwritable', text, { cause });
}
