// The remedy for an unwritable file: its owner, and the command that changes it.

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { osErrorCode } from '../ground/errors.ts';
import { statIfVisible } from './seen-stats.ts';

declare global {
  namespace NodeJS {
    interface Process {
      /** initgroups(3); @types/node lacks it. */
      initgroups?(user: number, extraGroup: number): void;
    }
  }
}

/** login.defs(5): lower numbers belong to services, which cannot use sudo. */
const PERSON_UID_MIN = 1000;
const PASSWD = '/etc/passwd';

/** True once this process has given up root. */
let wasRoot = false;

/**
 * Continues as another user, in its own groups. Only for root.
 * @param gid the group if passwd(5) does not have the user; root's group is never used
 */
export function becomeUser(uid: number, gid: number): void {
  wasRoot = true;
  takeGroups(uid, gid);
  process.setgid?.(findOwnGroup(uid, gid));
  process.setuid?.(uid);
}

/** Replaces root's supplementary groups by those of a user. @param gid as in `findOwnGroup` */
export function takeGroups(uid: number, gid: number): void {
  if (findGroup(uid) === undefined) process.setgroups?.([]);
  else process.initgroups?.(uid, findOwnGroup(uid, gid));
}

/**
 * The group in which a process runs as `uid`.
 * @param gid of a user who is not in passwd(5); root's gives rights, so the uid replaces it
 */
export const findOwnGroup = (uid: number, gid: number): number => findGroup(uid) ?? (gid === 0 ? uid : gid);

/**
 * True if a person runs this process, who can use sudo: neither a service nor a command that gave
 * up root.
 */
export const isRunByPerson = (): boolean => !wasRoot && (process.geteuid?.() ?? 0) >= PERSON_UID_MIN;

export interface OwnershipFacts {
  /** `undefined` if unreadable. */
  readonly owner: number | undefined;
  /** The owner of the whole directory; `undefined` if it is missing or cannot be read. */
  readonly directoryOwner: number | undefined;
  readonly ownUid: number;
  readonly readName: (uid: number) => string;
}

/** @param directory whose owner the remedy changes: the state directory or the boot tree */
export function composeOwnershipRemedy(path: string, directory: string): string {
  return describeRemedy(path, directory, {
    owner: findPathOwner(path),
    directoryOwner: statIfVisible(directory)?.uid,
    ownUid: process.geteuid?.() ?? 0,
    readName: readUserName,
  });
}

/** The remedy for a user who may not read the state or ask the rack. It changes no owner. */
export function composeReaderRemedy(directory: string): string {
  const owner = statIfVisible(directory)?.uid;
  if (owner === undefined || owner === process.geteuid?.()) {
    // The command continues as the owner: sudo does not help.
    return wasRoot
      ? `root's command runs as the owner of ${directory}; give that user its files: sudo chown -R ${findOwnUserName()}: ${directory}`
      : 'run this with sudo';
  }
  const name = readUserName(owner);
  return `it belongs to ${name}; run this ${owner === 0 ? '' : `as ${name} or `}with sudo`;
}

/** Describes the remedy, without a full stop. Pure. */
export function describeRemedy(
  path: string,
  directory: string,
  { owner, directoryOwner, ownUid, readName }: OwnershipFacts,
): string {
  const ownerText = owner === undefined || owner === ownUid ? '' : `it belongs to ${readName(owner)}; `;
  if (ownUid === 0)
    return `${ownerText}root may do this unless the file system forbids it: findmnt -T ${directory}; lsattr -d ${path}`;
  // For a user who is neither root nor the service's user, the owner need not change.
  if (directoryOwner !== undefined && directoryOwner !== ownUid && directoryOwner !== 0)
    return `${ownerText}run this as ${readName(directoryOwner)} or with sudo`;
  if (owner === ownUid && directoryOwner === ownUid) return `its mode forbids it: sudo chmod -R u+rwX ${directory}`;
  const sudoText = directoryOwner === 0 && owner === 0 && ownUid >= PERSON_UID_MIN ? 'run this with sudo, or ' : '';
  return `${ownerText}${sudoText}give it to the user that runs Rackboot: sudo chown -R ${readName(ownUid)}: ${directory}`;
}

/** The owner of a path, or of its nearest readable parent. */
function findPathOwner(path: string): number | undefined {
  const owner = statIfVisible(path)?.uid;
  if (owner !== undefined) return owner;
  return dirname(path) === path ? undefined : findPathOwner(dirname(path));
}

/** The name of a user, or the number without an entry in passwd(5). */
export const readUserName = (uid: number): string => findPasswdEntry(hasUid(uid))?.[0] ?? String(uid);

export function findUid(name: string): number | undefined {
  const uid = findPasswdEntry((fields) => fields[0] === name)?.[2];
  return uid === undefined || !/^\d+$/.test(uid) ? undefined : Number(uid);
}

const hasUid =
  (uid: number) =>
  (fields: readonly string[]): boolean =>
    fields[2] === String(uid);

export function findGroup(uid: number): number | undefined {
  const gid = findPasswdEntry(hasUid(uid))?.[3];
  return gid === undefined || !/^\d+$/.test(gid) ? undefined : Number(gid);
}

function findPasswdEntry(isMatch: (fields: readonly string[]) => boolean): readonly string[] | undefined {
  try {
    return readFileSync(PASSWD, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(isMatch);
  } catch {
    return undefined;
  }
}

export const findOwnUserName = (): string => readUserName(process.geteuid?.() ?? 0);

/** True for an error that the owner of the path would not get. */
export function isOwnershipError(error: unknown): boolean {
  const code = osErrorCode(error);
  return code === 'EACCES' || code === 'EPERM';
}
