// Why a file that an operator named cannot be read, and the remedy: the one place that turns ENOENT
// and the like into a sentence.

import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorText, osErrorCode, RackError, type RackErrorCode } from '../ground/errors.ts';
import { findNearestName } from '../ground/nearest-name.ts';
import { findOwnUserName, isRunByPerson, readUserName } from './ownership.ts';
import { statIfVisible } from './seen-stats.ts';

/** Names of a directory that are compared with a mistyped one. */
const NAMES_MAX = 10_000;

interface Fault {
  readonly code: RackErrorCode;
  /** A sentence with path, reason and remedy, without its full stop. */
  readonly text: string;
}

/**
 * The failure to read the file `path`, in words for the operator.
 * @returns `not-found` if it does not exist; `permission-denied` if this user may not read it;
 * `bad-argument` if it is not a file, or its disk fails
 */
export function toFileFault(path: string, cause: unknown): RackError {
  const { code, text } = describeFault(path, cause);
  return new RackError(code, text, { cause });
}

function describeFault(path: string, cause: unknown): Fault {
  switch (osErrorCode(cause)) {
    case 'ENOENT':
      return { code: 'not-found', text: composeAbsentText(path) };
    case 'ENOTDIR': {
      const text = `there is no file ${path}: a name before its last / is a file, not a directory; correct the path`;
      return { code: 'not-found', text };
    }
    case 'EACCES':
    case 'EPERM':
      return { code: 'permission-denied', text: composeDeniedText(path) };
    case 'EISDIR':
      return { code: 'bad-argument', text: `${path} is a directory: name a file in it` };
    case 'ENAMETOOLONG':
      return { code: 'bad-argument', text: `${path.slice(0, 40)}… is too long for a path: use a shorter one` };
    case 'EMFILE':
    case 'ENFILE': {
      const text = `${path} cannot be opened: this host has too many open files; try again, or raise \`ulimit -n\``;
      return { code: 'bad-argument', text };
    }
    default:
      return {
        code: 'bad-argument',
        text: `${path} cannot be read (${errorText(cause)}): name a file that can be read`,
      };
  }
}

function composeAbsentText(path: string): string {
  const absent = `there is no file ${path}`;
  // The shell replaces ~ only where a word begins with it.
  if (/^~(?:\/|$)/.test(path)) return `${absent}: the shell did not replace ~; write the whole path`;
  const absolutePath = resolve(path);
  const directory = dirname(absolutePath);
  const names = listNames(directory);
  if (names === undefined) return `${absent}: the directory ${directory} does not exist; correct the path`;
  const name = basename(absolutePath);
  // A link is listed although the file that it names is missing.
  if (names.includes(name))
    return `${absent}: ${absolutePath} is a link to a file that is missing; name the file itself`;
  const nearest = findNearestName(name, names);
  const hint = nearest === undefined ? '' : `did you mean ${join(dirname(path), nearest)}? `;
  const locationText = path.startsWith('/') ? '' : ` in ${process.cwd()}`;
  return `${absent}${locationText}; ${hint}\`ls ${directory}\` lists the files there`;
}

/** The names in a directory; empty if it may not be listed, `undefined` if it does not exist. */
function listNames(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory).slice(0, NAMES_MAX);
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' || osErrorCode(error) === 'ENOTDIR' ? undefined : [];
  }
}

function composeDeniedText(path: string): string {
  const owner = statIfVisible(path)?.uid;
  const ownUid = process.geteuid?.() ?? 0;
  const ownerText = owner === undefined || owner === ownUid ? '' : `: it belongs to ${readUserName(owner)}`;
  const remedy =
    ownUid === 0
      ? `the file system forbids it, see findmnt -T ${path}`
      : isRunByPerson()
        ? `run this with sudo, or name a file that ${findOwnUserName()} may read`
        : owner === undefined
          ? `copy it into a directory of that user, or let ${findOwnUserName()} enter the directories above it: mode 755, or 750 and a group of that user`
          : `let ${findOwnUserName()} read it: mode 644, or for a secret 640 and a group of that user`;
  return `${findOwnUserName()} may not read ${path}${ownerText}; ${remedy}`;
}
