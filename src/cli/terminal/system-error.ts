// An error of the operating system that no command expected, as a sentence: what could not be done,
// where, and what to do.

import { join } from 'node:path';
import { findOwnUserName } from '../../files/ownership.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { REINSTALL } from '../../ground/named-documents.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

type Words = (where: string) => string;

const forbidden: Words = (where) =>
  `${findOwnUserName()} may not use ${where}: run this command with sudo, or as the user that it belongs to`;
const full: Words = (where) => `there is no room for ${where}: make room (df -h shows where), then repeat the command`;
const unreached: Words = (where) => `${where} does not answer: is it running, and is the address right?`;

/**
 * A command of root that acts as the service's user loads parts of itself then, too: Node says the
 * same of a missing file and an unreadable one.
 */
const unloaded: Words = () =>
  `${findOwnUserName()} cannot load all of Rackboot in ${ROOT}: put it where that user can read it, such as /opt/rackboot, or complete it: ${REINSTALL}`;

/** The sentences by the codes of errno(3), and by those of Node for its modules. */
const SENTENCES: Readonly<Record<string, Words>> = {
  EACCES: forbidden,
  EPERM: forbidden,
  ENOENT: (where) => `there is no ${where}: correct the name, or make it first`,
  ENOTDIR: (where) => `${where} is below a file, not a directory: correct the name`,
  EISDIR: (where) => `${where} is a directory: name a file`,
  EEXIST: (where) => `${where} exists already: name another, or remove it`,
  ENOSPC: full,
  EDQUOT: full,
  EROFS: (where) =>
    `${where} is on a file system that is mounted read-only: mount it for writing, or name another place`,
  EIO: (where) => `the disk cannot read or write ${where}: sudo journalctl -k -p err shows its errors`,
  EMFILE: (where) => `too many files are open for ${where}: repeat the command, or raise the limit (ulimit -n)`,
  ENAMETOOLONG: (where) => `${where} is too long a name`,
  ECONNREFUSED: unreached,
  ECONNRESET: unreached,
  ETIMEDOUT: unreached,
  EHOSTUNREACH: unreached,
  ENETUNREACH: unreached,
  ERR_MODULE_NOT_FOUND: unloaded,
  MODULE_NOT_FOUND: unloaded,
  EADDRINUSE: (where) => `another program has ${where}: stop that, or name another address or port`,
};

/** Undefined: it is no such error. */
export function systemErrorText(error: unknown): string | undefined {
  const code = osErrorCode(error);
  const words = code === undefined || !Object.hasOwn(SENTENCES, code) ? undefined : SENTENCES[code];
  return words === undefined ? undefined : `${words(describeTarget(error))} (${code})`;
}

/** The file or the address that an error of Node names. */
function describeTarget(error: unknown): string {
  // Several addresses of one name were tried.
  const cause = error instanceof AggregateError ? error.errors[0] : error;
  const { path, address, port }: { path?: unknown; address?: unknown; port?: unknown } = Object(cause);
  if (typeof path === 'string') return path;
  if (address !== undefined) return port === undefined ? String(address) : `${address}:${port}`;
  return 'a file or address that the system does not name';
}
