// Logins to a machine that runs the environment. In rescue mode its owner may log in, or who
// requested the rescue. A debug login admits who opened it, for a limited time.
//
//   opened by a person ─► debug login ─► machine at work lets them in ─► closed by a person, or expired
//
// 1. A debug login lasts at most DEBUG_SECONDS_MAX, across restarts.
// 2. Who loses the right to open it can no longer log in.
// 3. The machine's log says who opened or closed it, and for how long.
// 4. Logins use public keys only, never passwords.

import { formatIpv4, isLoopback } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { LOCAL_ADMINISTRATOR } from '../accounts/accounts.ts';
import { heldMacs } from '../identity/interface-source.ts';
import type { Happening } from '../records/events.ts';
import type { MachineStatus } from '../records/lifecycle.ts';
import type { DebugLogin } from '../records/login-store.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import type { Actor } from './commands.ts';
import { whose } from './transition.ts';

export const DEBUG_SECONDS = 3600;
export const DEBUG_SECONDS_MAX = 24 * 3600;
const HOST_KEY = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** The states in which a person may examine the work and its failure. */
const DEBUGGED: ReadonlySet<MachineStatus> = new Set(['commissioning', 'testing', 'deploying', 'disk-erasing']);
const RESCUED: ReadonlySet<MachineStatus> = new Set(['entering-rescue-mode', 'rescue-mode']);

interface LoginDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
}

type LoginRefusal = RefusalWord;

export interface LoginDescription {
  readonly kind: 'rescue' | 'debug';
  /** `undefined`: its address is unknown, or it is simulated. */
  readonly ssh?: string | undefined;
  /** On the loopback interface of its rack's host: nobody can log in to it. */
  readonly isSimulated: boolean;
  /** The fingerprint; `undefined` until the machine reports it, which it does before it accepts logins. */
  readonly hostKey?: string | undefined;
  readonly username: string;
  readonly keys: number;
  /** Only for a debug login. */
  readonly secondsLeft?: number | undefined;
}

/** `undefined` if it is malformed. */
export const parseHostKey = (text: string | undefined): string | undefined =>
  text !== undefined && HOST_KEY.test(text) ? text : undefined;

/** The person whose keys a machine in rescue mode accepts. */
export const getRescuer = (machine: Machine): string => machine.owner ?? machine.work?.askedBy ?? '';

export const keyLines = async (store: RegionStore, username: string): Promise<string> =>
  (await store.life.listSshKeys(username)).map(({ key }) => `${key}\n`).join('');

export async function refuseWithoutKey(
  store: RegionStore,
  username: string,
  machine: Pick<Machine, 'hostname'>,
): Promise<LoginRefusal | undefined> {
  const hasKey = (await store.life.listSshKeys(username)).length > 0;
  return hasKey
    ? undefined
    : refusal(
        'no-ssh-key',
        `${username} has no SSH key to log in to ${machine.hostname} with: add one with \`rackboot sshkeys add FILE --username ${username}\`, or in the API under account/prefs/sshkeys/.`,
      );
}

export const mayDebug = (machine: Pick<Machine, 'owner'>, by: Pick<Actor, 'username' | 'isAdmin'>): boolean =>
  by.isAdmin || machine.owner === by.username;

export const openDebugLoginText = (machine: string, owner: string | undefined): string =>
  `${machine} ${whose(owner)}: only an administrator may open a debug login.`;

/** @param seconds 1 to DEBUG_SECONDS_MAX */
export async function openDebugLogin(
  { store, clock }: LoginDeps,
  machine: Machine,
  by: Actor,
  seconds: number,
): Promise<LoginRefusal | undefined> {
  if (!mayDebug(machine, by)) {
    return refusal('not-owner', openDebugLoginText(machine.hostname, machine.owner));
  }
  const keyless = await refuseWithoutKey(store, by.username, machine);
  if (keyless !== undefined) return keyless;
  const openedMs = clock.wallTimeMs();
  const expiresMs = openedMs + seconds * 1000;
  const params = { user: by.username, untilMs: expiresMs, comment: by.comment };
  const event = buildLoginEvent({ code: 'debug-login-opened', params }, openedMs, by);
  await store.logins.openDebug(machine.systemId, { username: by.username, openedMs, expiresMs, hostKey: '' }, event);
  return undefined;
}

export async function closeDebugLogin(
  { store, clock }: LoginDeps,
  machine: Machine,
  by: Actor,
): Promise<LoginRefusal | undefined> {
  if (!mayDebug(machine, by))
    return refusal('not-owner', `Only the owner of ${machine.hostname} and administrators may close its debug login.`);
  await store.logins.closeDebug(
    machine.systemId,
    buildLoginEvent({ code: 'debug-login-closed', params: {} }, clock.wallTimeMs(), by),
  );
  return undefined;
}

const buildLoginEvent = (happening: Happening, atMs: number, { username }: Actor): NewMachineEvent => ({
  type: 'NODE',
  ...happening,
  atMs,
  username,
});

export async function findDebugLogin(
  { store, clock }: LoginDeps,
  machine: Machine,
): Promise<(DebugLogin & { readonly secondsLeft: number }) | undefined> {
  const login = await store.logins.findDebug(machine.systemId);
  if (login === undefined) return undefined;
  const { username } = login;
  const user = await store.accounts.findUser(username);
  const isAdmin = user === undefined ? username === LOCAL_ADMINISTRATOR : user.isAdmin;
  if (!isAdmin && machine.owner !== username) return undefined;
  // A clock set back must not extend the login.
  const left = Math.min(login.expiresMs - clock.wallTimeMs(), login.expiresMs - login.openedMs);
  const secondsLeft = Math.ceil(left / 1000);
  return secondsLeft > 0 ? { ...login, secondsLeft } : undefined;
}

export async function describeLogins(parts: LoginDeps, machine: Machine): Promise<readonly LoginDescription[]> {
  const { store } = parts;
  const loginDescriptions: LoginDescription[] = [];
  const seen = machine.interfaces.find((nic) => heldMacs(machine).includes(nic.mac) && nic.address !== undefined);
  const address = machine.addresses[0]?.address ?? seen?.address;
  const isSimulated = address !== undefined && isLoopback(address);
  const ssh = address === undefined || isSimulated ? undefined : `ssh root@${formatIpv4(address)}`;
  const keysOf = async (username: string): Promise<number> => (await store.life.listSshKeys(username)).length;
  if (RESCUED.has(machine.status)) {
    const username = getRescuer(machine);
    const hostKey = machine.work?.hostKey;
    loginDescriptions.push({ kind: 'rescue', ssh, isSimulated, hostKey, username, keys: await keysOf(username) });
  }
  const debug = await findDebugLogin(parts, machine);
  if (debug !== undefined) {
    const { username, secondsLeft } = debug;
    const hostKey = debug.hostKey === '' ? undefined : debug.hostKey;
    loginDescriptions.push({
      kind: 'debug',
      ssh,
      isSimulated,
      hostKey,
      username,
      keys: await keysOf(username),
      secondsLeft,
    });
  }
  return loginDescriptions;
}

export const isDebugged = (status: MachineStatus): boolean => DEBUGGED.has(status);
