// Every command and the daemon write below the state directory as its owner: a file made by root
// would lock the service out.

import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { becomeUser, findGroup, findOwnGroup, findUid, readUserName, takeGroups } from '../../files/ownership.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';
import { type DirectoryTexts, makeStateDirectory } from '../../store/database-file.ts';
import { printError } from './output.ts';

/**
 * What a process needs of root's privileges, as granted by its unit: ports below 1024 and, for a
 * rack, frames to machines without an address.
 */
const CAPABILITIES = { rack: '+net_bind_service,+net_raw', region: '+net_bind_service' } as const;

const SETPRIV = '/usr/bin/setpriv';
/** The user of the service units. */
const SERVICE_USER = 'rackboot';
const NOBODY = 65_534;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The owner of `directory` or, if it is missing, of the directory in which it would be made; only
 * if this process is root and the owner is not.
 */
function findOtherOwner(directory: string): Owner | undefined {
  const deepest = process.getuid?.() === 0 ? findDeepest(directory) : undefined;
  return deepest === undefined || deepest.uid === 0 ? undefined : { uid: deepest.uid, gid: deepest.gid };
}

/**
 * The last entry on the way to a path. A link of any user but root is the last: it could lead root
 * anywhere.
 */
function findDeepest(path: string): Stats | undefined {
  let deepest: Stats | undefined;
  const names = resolve(path).split(sep);
  for (const [index, name] of names.entries()) {
    const at = join(sep, ...names.slice(0, index), name);
    const entry = statLinkIfVisible(at);
    if (entry === undefined) break;
    if (entry.isSymbolicLink() && entry.uid === 0 && (deepest?.uid ?? 0) === 0)
      return findDeepest(resolve(dirname(at), readlinkSync(at), ...names.slice(index + 1)));
    deepest = entry;
    if (entry.isSymbolicLink()) break;
  }
  return deepest;
}

/**
 * If this process is root and the owner of `stateDir` is not, restarts it as that owner, with the
 * capabilities of a rack or a region and no other rights of root.
 *
 * @throws RackError `permission-denied` if the owner cannot read this program, `tool-missing`
 * without setpriv(1)
 */
export function restartAsOwner(stateDir: string, kind: keyof typeof CAPABILITIES): void {
  const owner = findOtherOwner(stateDir);
  if (owner === undefined) return;
  continueAs(owner, kind, `${stateDir} belongs to ${readUserName(owner.uid)}`, { HOME: stateDir });
}

/**
 * Restarts a command of root that serves a network and has no state directory as the user of the
 * units or, without one, as nobody. Otherwise as `restartAsOwner`.
 * @param env for the new process
 */
export function continueAsServer(env: NodeJS.ProcessEnv): void {
  if (process.getuid?.() !== 0) return;
  const uid = findUid(SERVICE_USER) ?? NOBODY;
  continueAs({ uid, gid: uid }, 'rack', `this serves the network as ${readUserName(uid)}`, { HOME: '/', ...env });
}

/** @param why names the user, in errors */
function continueAs(owner: Owner, kind: keyof typeof CAPABILITIES, why: string, env: NodeJS.ProcessEnv): void {
  if (process.execve === undefined) return;
  const [program = '', ...words] = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  // The user's own groups, as the service has them, if passwd(5) has the user.
  const groups = findGroup(owner.uid) === undefined ? '--clear-groups' : '--init-groups';
  const who = ['--reuid', String(owner.uid), '--regid', String(findOwnGroup(owner.uid, owner.gid)), groups];
  const capabilities = CAPABILITIES[kind];
  const rights = ['--no-new-privs', `--inh-caps=-all,${capabilities}`, `--ambient-caps=-all,${capabilities}`];
  const main = process.argv[1] ?? '';
  const probe = spawnSync(SETPRIV, [...who, 'test', '-r', main, '-a', '-x', program], { stdio: 'ignore' });
  if (probe.error !== undefined) {
    throw new RackError('tool-missing', `${why}, and Rackboot needs setpriv (Debian's util-linux) to run as that user`);
  }
  if (probe.status !== 0) {
    throw new RackError(
      'permission-denied',
      `${why}, who cannot read ${main}: put Rackboot where that user can, such as /opt/rackboot`,
    );
  }
  printError(`${why}: running as that user.`);
  process.execve(SETPRIV, [SETPRIV, ...who, ...rights, program, ...words], { ...process.env, ...env });
}

/**
 * Runs `work` as the owner of `stateDir` if this process is root and the owner is not, and is root
 * again afterwards.
 * @param work gets the ids for programs that it starts; undefined: those of this process
 */
export function runAsOwner<T>(stateDir: string, work: (owner: Owner | undefined) => T): T {
  const owner = findOtherOwner(stateDir);
  const leave = actAs(owner);
  try {
    return work(owner);
  } finally {
    leave();
  }
}

/** As `runAsOwner`, until the returned function is called. */
export const actAsOwner = (stateDir: string): (() => void) => actAs(findOtherOwner(stateDir));

function actAs(owner: Owner | undefined): () => void {
  if (owner === undefined) return () => undefined;
  const groups = process.getgroups?.() ?? [];
  takeGroups(owner.uid, owner.gid);
  process.setegid?.(findOwnGroup(owner.uid, owner.gid));
  process.seteuid?.(owner.uid);
  return () => {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  };
}

/**
 * Switches to the user who will run the service: the owner of `stateDir` or, if it is missing, the
 * user of the units.
 */
export function becomeServiceUser(stateDir: string): void {
  const uid = process.getuid?.() === 0 && !existsSync(stateDir) ? findUid(SERVICE_USER) : undefined;
  if (uid === undefined) becomeOwner(stateDir);
  else becomeUser(uid, uid);
}

/**
 * Makes a missing `stateDir` for its service, which could not use one of root. It belongs to the
 * owner of the directory in which it is made or, if that is root's, to the user of the units. Then
 * as `becomeOwner`.
 * @param words of the directory in errors @throws RackError `store-unwritable`
 */
export function createAsOwner(stateDir: string, words?: DirectoryTexts): void {
  makeForService(stateDir, words);
  becomeOwner(stateDir);
}

/**
 * As `createAsOwner`, but remains root.
 * @param source a directory whose owner, unless that is root, gets the new one
 */
export function makeForService(stateDir: string, words?: DirectoryTexts, source?: string): void {
  const parent = dirname(stateDir);
  // Further new directories would remain root's, and the service's start says so.
  if (process.getuid?.() !== 0 || existsSync(stateDir) || !existsSync(parent)) return;
  const { uid, gid } = statSync(source ?? parent);
  const owner = uid === 0 && source === undefined ? findUid(SERVICE_USER) : uid;
  if (owner === undefined || owner === 0) return;
  makeStateDirectory(stateDir, words);
  chownSync(stateDir, owner, findOwnGroup(owner, gid));
}

/** Switches to the owner of `stateDir` if this process is root and the owner is not. */
export function becomeOwner(stateDir: string): void {
  const owner = findOtherOwner(stateDir);
  if (owner === undefined) return;
  becomeUser(owner.uid, owner.gid);
  // Programs started from now on keep their files there.
  process.env.HOME = stateDir;
}
