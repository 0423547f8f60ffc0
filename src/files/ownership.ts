// What to do about a file that this process may not write: whose it is, and the command that changes this.

import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { osErrorCode } from '../errors.ts';

/** login.defs(5): lower numbers are those of services, which no person can start by sudo. */
const PERSON_UID_MIN = 1000;
const PASSWD = '/etc/passwd';

/** What the remedy depends on. */
export interface OwnershipFacts {
  /** Who owns what cannot be written; undefined: it cannot be seen. */
  readonly owner: number | undefined;
  /** Who owns the directory that holds it all; undefined: it is not there, or cannot be seen. */
  readonly directoryOwner: number | undefined;
  /** Who runs this process. */
  readonly own: number;
  /** Of a user. */
  readonly nameOf: (uid: number) => string;
}

/**
 * The remedy for a `path` that cannot be written for lack of the right to.
 *
 * @param directory what is given away as a whole: the state directory or the boot tree
 */
export function ownershipRemedy(path: string, directory: string): string {
  return describeRemedy(path, directory, {
    owner: ownerOf(path),
    directoryOwner: statOwner(directory),
    own: process.geteuid?.() ?? 0,
    nameOf: readUserName,
  });
}

/**
 * The remedy for a person who may not ask or read what the rack of this state directory has. Nothing is given away for that: the directory has
 * the right owner, and the person is another.
 */
export function readerRemedy(directory: string): string {
  const owner = statOwner(directory);
  if (owner === undefined || owner === process.geteuid?.()) return 'run this by sudo';
  const name = readUserName(owner);
  return `it belongs to ${name}; run this ${owner === 0 ? '' : `as ${name} or `}by sudo`;
}

/** The remedy as a sentence without its full stop. Pure. */
export function describeRemedy(
  path: string,
  directory: string,
  { owner, directoryOwner, own, nameOf }: OwnershipFacts,
): string {
  const whose = owner === undefined || owner === own ? '' : `it belongs to ${nameOf(owner)}; `;
  if (own === 0)
    return `${whose}root may do this unless the file system forbids it: findmnt -T ${directory}; lsattr -d ${path}`;
  // A person who is neither root nor the service's user: the directory has the right owner already.
  if (directoryOwner !== undefined && directoryOwner !== own && directoryOwner !== 0)
    return `${whose}run this as ${nameOf(directoryOwner)} or by sudo`;
  if (owner === own && directoryOwner === own) return `its mode forbids it: sudo chmod -R u+rwX ${directory}`;
  const orRoot = directoryOwner === 0 && owner === 0 && own >= PERSON_UID_MIN ? 'run this by sudo, or ' : '';
  return `${whose}${orRoot}give it to the user that runs Rackboot: sudo chown -R ${nameOf(own)}: ${directory}`;
}

/** Who owns a path, or the nearest directory above it that can be seen. */
function ownerOf(path: string): number | undefined {
  const owner = statOwner(path);
  if (owner !== undefined) return owner;
  return dirname(path) === path ? undefined : ownerOf(dirname(path));
}

function statOwner(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

/** The name of a user, as passwd(5) has it; its number where it has none. */
export function readUserName(uid: number): string {
  try {
    const line = readFileSync(PASSWD, 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(uid));
    return line?.split(':')[0] ?? String(uid);
  } catch {
    return String(uid);
  }
}

/** The name of the user who runs this process. */
export const ownUserName = (): string => readUserName(process.geteuid?.() ?? 0);

/** True where the system refused for lack of a right that another owner would have. */
export function isOwnershipError(error: unknown): boolean {
  const code = osErrorCode(error);
  return code === 'EACCES' || code === 'EPERM';
}
