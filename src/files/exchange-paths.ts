// Exchanges two entries of a file system in one step, which Node does not offer: renameat2 of the C library.
//
// Source: rename(2), RENAME_EXCHANGE. NFS and some other file systems do not have it.

import { findErrorName, loadLibc } from '../net/linux/libc.ts';

/** rename(2): relative paths start in the working directory. */
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** The errors of a system or a file system that lacks the call. */
const UNSUPPORTED_CODES: ReadonlySet<string> = new Set(['EINVAL', 'ENOSYS', 'EOPNOTSUPP']);

/**
 * Exchanges two entries, of whatever kinds. At each moment both names lead to one of them.
 * @returns `absent`: one of them is missing; `unable`: this host or this file system cannot
 * @throws Error with the `code` of the system's error
 */
export function exchangePaths(firstPath: string, secondPath: string): 'exchanged' | 'absent' | 'unable' {
  const libc = loadLibc();
  if (libc.renameat2(AT_FDCWD, firstPath, AT_FDCWD, secondPath, RENAME_EXCHANGE) === 0) return 'exchanged';
  const code = findErrorName(libc.errno());
  if (code === 'ENOENT') return 'absent';
  if (UNSUPPORTED_CODES.has(code)) return 'unable';
  throw Object.assign(new Error(`${code}: exchange of ${firstPath} and ${secondPath}`), { code });
}
