// Who may log in to a machine that runs the environment: in rescue mode its owner, or who asked for the rescue of a machine that nobody
// owns; in a debug login, opened for a while, who opened it.
//
//   opened by a person ─► debug login ─► machine at work lets them in ─► closed by a person, or its time is up
//
// 1. A debug login has an end, at most DEBUG_SECONDS_MAX away, in the store: a restart changes nothing.
// 2. Who has lost the right to open it (no administrator any more, not the owner any more) is let in no more.
// 3. That it was opened or closed, by whom and for how long, is in the log of the machine.
// 4. Public keys only; what logs in is never a password.

import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { formatIpv4, isLoopback } from '../../net/address.ts';
import { LOCAL_ADMINISTRATOR } from '../accounts/accounts.ts';
import { heldMacs } from '../identity/interface-source.ts';
import type { MachineStatus } from '../records/lifecycle.ts';
import type { DebugLogin } from '../records/login-store.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { RegionStore } from '../records/store.ts';
import type { Actor } from './commands.ts';

/** A debug login is open for so long, unless another time is given. */
export const DEBUG_SECONDS = 3600;
export const DEBUG_SECONDS_MAX = 24 * 3600;
const HOST_KEY = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** States in which a machine lets in who debugs it, with the failures of their work. */
const DEBUGGED: ReadonlySet<MachineStatus> = new Set(['commissioning', 'testing', 'deploying', 'disk-erasing']);
const RESCUED: ReadonlySet<MachineStatus> = new Set(['entering-rescue-mode', 'rescue-mode']);

/** What knows of logins. */
export interface LoginParts {
  readonly store: RegionStore;
  readonly clock: Clock;
}

/** Why nobody may log in. */
export interface LoginRefusal {
  readonly reason: 'not-owner' | 'no-ssh-key';
  readonly text: string;
}

/** How people log in to a machine now, for them to see. */
export interface LoginDescription {
  readonly kind: 'rescue' | 'debug';
  /** The line to type; undefined: where the machine is, is not known, or it is simulated. */
  readonly ssh?: string | undefined;
  /** Nobody can log in: the machine is simulated, on the loopback of its rack's host. */
  readonly isSimulated: boolean;
  /** Fingerprint of the host key that the machine has told; undefined: it has not, and cannot be logged in to yet. */
  readonly hostKey?: string | undefined;
  /** Whose keys log in. */
  readonly username: string;
  /** How many keys that are. */
  readonly keys: number;
  /** Of a debug login. */
  readonly secondsLeft?: number | undefined;
}

/** SHA-256 of the token of a boot, in hexadecimal. */
export const digestOfToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** A fingerprint as a machine told it; undefined: it is none. */
export const parseHostKey = (text: string | undefined): string | undefined =>
  text !== undefined && HOST_KEY.test(text) ? text : undefined;

/** Whose keys log in to a machine in rescue mode. */
export const rescuerOf = (machine: Machine): string => machine.owner ?? machine.work?.askedBy ?? '';

/** The keys of a user as a file for `authorized_keys`. */
export const keyLines = ({ store }: Pick<LoginParts, 'store'>, username: string): string =>
  store.life
    .listSshKeys(username)
    .map(({ key }) => `${key}\n`)
    .join('');

/** A refusal when this person has no key to log in with. */
export function refuseWithoutKey(store: RegionStore, username: string, machine: Machine): LoginRefusal | undefined {
  if (store.life.listSshKeys(username).length > 0) return undefined;
  const text =
    `${username} has no SSH key, and nobody could log in to ${machine.hostname}: add one with ` +
    `\`rackboot sshkeys add FILE --username ${username}\`, or in the API under account/prefs/sshkeys/.`;
  return { reason: 'no-ssh-key', text };
}

/** True when this person may open and close a debug login to the machine. */
export const mayDebug = (machine: Machine, by: Pick<Actor, 'username' | 'isAdmin'>): boolean =>
  by.isAdmin || machine.owner === by.username;

/** Lets a person log in to a machine at work, for a while. @param seconds 1 to DEBUG_SECONDS_MAX */
export function openDebugLogin(
  { store, clock }: LoginParts,
  machine: Machine,
  by: Actor,
  seconds: number,
): LoginRefusal | undefined {
  if (!mayDebug(machine, by)) {
    const whose = machine.owner === undefined ? "is nobody's" : `belongs to ${machine.owner}`;
    return { reason: 'not-owner', text: `${machine.hostname} ${whose}: a debug login is for an administrator.` };
  }
  const refusal = refuseWithoutKey(store, by.username, machine);
  if (refusal !== undefined) return refusal;
  const openedMs = clock.wallTimeMs();
  const expiresMs = openedMs + seconds * 1000;
  const until = new Date(expiresMs).toISOString().slice(0, 16).replace('T', ' ');
  const why = by.comment === '' ? '' : `: ${by.comment}`;
  const event = eventOf(`debug login opened for the keys of ${by.username} until ${until} UTC${why}`, openedMs, by);
  store.logins.openDebug(machine.systemId, { username: by.username, openedMs, expiresMs, hostKey: '' }, event);
  return undefined;
}

/** Ends a debug login at once; a machine that stayed on for it powers off. */
export function closeDebugLogin({ store, clock }: LoginParts, machine: Machine, by: Actor): LoginRefusal | undefined {
  if (!mayDebug(machine, by)) {
    return { reason: 'not-owner', text: `A debug login to ${machine.hostname} is closed by who may open one.` };
  }
  store.logins.closeDebug(machine.systemId, eventOf('debug login closed', clock.wallTimeMs(), by));
  return undefined;
}

const eventOf = (description: string, atMs: number, { username }: Actor): NewMachineEvent => ({
  type: 'NODE',
  description,
  atMs,
  username,
});

/** The debug login of a machine that is open now, and for how many seconds still; undefined: none is. */
export function findDebugLogin(
  { store, clock }: LoginParts,
  machine: Machine,
): (DebugLogin & { readonly secondsLeft: number }) | undefined {
  const login = store.logins.findDebug(machine.systemId);
  if (login === undefined) return undefined;
  const { username } = login;
  const user = store.findUser(username);
  const isAdmin = user === undefined ? username === LOCAL_ADMINISTRATOR : user.isAdmin;
  if (!isAdmin && machine.owner !== username) return undefined;
  // A clock that went back makes no time longer than it was.
  const left = Math.min(login.expiresMs - clock.wallTimeMs(), login.expiresMs - login.openedMs);
  const secondsLeft = Math.ceil(left / 1000);
  return secondsLeft > 0 ? { ...login, secondsLeft } : undefined;
}

/** How people log in to a machine: in rescue mode, or to debug. Both may be. */
export function describeLogins(parts: LoginParts, machine: Machine): readonly LoginDescription[] {
  const { store } = parts;
  const found: LoginDescription[] = [];
  const seen = machine.interfaces.find((nic) => heldMacs(machine).includes(nic.mac) && nic.address !== undefined);
  const address = machine.addresses[0]?.address ?? seen?.address;
  const isSimulated = address !== undefined && isLoopback(address);
  const ssh = address === undefined || isSimulated ? undefined : `ssh root@${formatIpv4(address)}`;
  const keysOf = (username: string): number => store.life.listSshKeys(username).length;
  if (RESCUED.has(machine.status)) {
    const username = rescuerOf(machine);
    const hostKey = machine.work?.hostKey;
    found.push({ kind: 'rescue', ssh, isSimulated, hostKey, username, keys: keysOf(username) });
  }
  const debug = findDebugLogin(parts, machine);
  if (debug !== undefined) {
    const { username, secondsLeft } = debug;
    const hostKey = debug.hostKey === '' ? undefined : debug.hostKey;
    found.push({ kind: 'debug', ssh, isSimulated, hostKey, username, keys: keysOf(username), secondsLeft });
  }
  return found;
}

/** True for a state whose work lets in who debugs it. */
export const isDebugged = (status: MachineStatus): boolean => DEBUGGED.has(status);
