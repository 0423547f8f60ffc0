// `rackboot createadmin`, `rackboot password` and `rackboot apikey`: change the region's store
// directly, before the daemon's first start and alongside a running one.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { loadStoreLocation, type StoreLocation } from '../../config/region-store.ts';
import { composeReaderRemedy, findOwnUserName, isOwnershipError } from '../../files/ownership.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import {
  createAdmin,
  createApiKey,
  didYouMeanUser,
  nameTaken,
  newUserProblem,
  PASSWORD_ADVISED,
  PASSWORD_MIN,
  setPasswordInStore,
  wasUsed,
} from '../../region/accounts/accounts.ts';
import type { RegionStore } from '../../region/records/store.ts';
import { hasStore, openStore } from '../../region-host/open-store.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatDuration, print, printError, printTable } from '../terminal/output.ts';
import { openPrompt } from '../terminal/prompt.ts';
import { becomeOwner, createAsOwner } from '../terminal/state-owner.ts';

const MISTAKES_MAX = 50;

export interface PasswordFlags {
  readonly username: string;
  /** `-`: standard input; undefined: ask on the terminal. */
  readonly passwordFile?: string | undefined;
}

interface AdministratorFlags extends Omit<PasswordFlags, 'username'> {
  readonly config: string;
  /** Undefined: ask for it and for the e-mail address on the terminal. */
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly password?: string | undefined;
}

export function refuseTaken(username: string, names: readonly string[]): void {
  if (names.includes(username)) throw nameTaken(username);
}

/** Makes an administrator. */
export async function createAdministrator(written: AdministratorFlags): Promise<number> {
  const place = loadStoreLocation(written.config);
  const { username, email } = await nameOnTerminal(written);
  const flags = { ...written, username };
  const password = flags.password ?? (await givenPassword(flags));
  // A taken name is refused before a person types a password.
  if (password === undefined && hasStore(place)) {
    await withStore(place, async (store) => {
      if ((await store.accounts.findUser(username)) !== undefined) throw nameTaken(username);
    });
  }
  const account = { username, email, password: password ?? (await readPassword(flags)) };
  // Before `withStore`, which would create a store.
  const problem = newUserProblem(account);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  await withStore(place, (store) => createAdmin(store, systemClock, account));
  noteShort(account);
  print(`${flags.username} is an administrator. Their API key: sudo rackboot apikey --username ${flags.username}`);
  return 0;
}

/** Warns of a password that is accepted, but easily guessed. */
export function noteShort({ username, password }: { readonly username: string; readonly password: string }): void {
  if (password.length >= PASSWORD_ADVISED) return;
  const why = `has fewer than ${PASSWORD_ADVISED} characters and is easily guessed`;
  printError(`Note: this password ${why}; to change it: sudo rackboot password ${shellWord(username)}`);
}

/** Asks for a missing name, and then for the e-mail address unless the flags have one. */
export async function nameAdministrator(
  { username, email }: Pick<AdministratorFlags, 'username' | 'email'>,
  ask: (question: string) => Promise<string>,
): Promise<{ readonly username: string; readonly email: string }> {
  if (username !== undefined) return { username, email: email ?? '' };
  const name = (await ask('Username: ')).trim();
  return { username: name, email: email ?? (await ask('E-mail address, or nothing: ')).trim() };
}

async function nameOnTerminal(
  flags: AdministratorFlags,
): Promise<{ readonly username: string; readonly email: string }> {
  if (flags.username !== undefined) return await nameAdministrator(flags, async () => '');
  if (process.stdin.isTTY !== true)
    throw new RackError('bad-argument', 'there is no terminal to ask for the name of the account: add --username');
  const prompt = openPrompt();
  try {
    return await nameAdministrator(flags, (question) => prompt.ask(question));
  } finally {
    prompt.close();
  }
}

/**
 * Sets a new password for an account: whoever may write the state directory can.
 * @throws RackError `not-found`, `bad-argument`, `store-unwritable`
 */
export async function resetPassword(
  flags: Omit<PasswordFlags, 'username'> & { readonly username?: string | undefined; readonly config: string },
): Promise<number> {
  const { username } = flags;
  if (username === undefined) throw new RackError('bad-argument', 'name the account: `rackboot password USERNAME`');
  const place = loadStoreLocation(flags.config);
  checkHasAccounts(place, username);
  const newPassword = await givenPassword({ ...flags, username });
  // Before a person types a password, and closed while the person types.
  if (newPassword === undefined) await withStore(place, (store) => checkUser(store, username));
  const password = newPassword ?? (await readPassword({ ...flags, username }));
  await withStore(place, async (store) => {
    await checkUser(store, username);
    await setPasswordInStore(store, systemClock, username, password);
  });
  noteShort({ username, password });
  print(`${username} has a new password; all browsers of the account are signed out.`);
  return 0;
}

async function checkUser(store: RegionStore, username: string): Promise<void> {
  if ((await store.accounts.findUser(username)) !== undefined) return;
  const remedy = `${await didYouMeanUser(store, username)}\`rackboot users list\` shows all`;
  throw new RackError('not-found', `there is no user ${username}: ${remedy}`);
}

interface ApiKeyFlags {
  readonly config: string;
  readonly username: string;
  readonly name: string;
  /** True: show the user's keys instead of making one. */
  readonly list?: boolean | undefined;
  /** The second part of the key to remove instead of making one. */
  readonly remove?: string | undefined;
}

/** Makes an API key and prints only the key; or shows or removes keys. */
export async function printApiKey(flags: ApiKeyFlags): Promise<number> {
  const place = loadStoreLocation(flags.config);
  checkHasAccounts(place, flags.username);
  await withStore(place, async (store) => {
    if (flags.list === true) await listApiKeys(store, flags.username);
    else if (flags.remove !== undefined) await removeApiKey(store, flags.username, flags.remove);
    else print(await createApiKey(store, systemClock, flags.username, flags.name));
  });
  return 0;
}

async function listApiKeys(store: RegionStore, username: string): Promise<void> {
  const now = systemClock.wallTimeMs();
  const agoOf = (ms: number): string => `${formatDuration(Math.max(0, now - ms))} ago`;
  const rows = (await store.accounts.listKeys(username)).map((key) => [
    key.tokenKey,
    key.name,
    agoOf(key.createdMs),
    wasUsed(key) ? agoOf(key.usedMs) : '-',
  ]);
  printTable(['KEY', 'NAME', 'CREATED', 'LAST USED'], rows, `${username} has no API keys.`);
}

/** @param given the second part of a key, or all of it */
async function removeApiKey(store: RegionStore, username: string, given: string): Promise<void> {
  const tokenKey = given.split(':')[1] ?? given;
  if (!(await store.accounts.removeKey(username, tokenKey)))
    throw new RackError('not-found', `${username} has no API key ${tokenKey}: --list instead of --remove shows all`);
  print(`${username}'s API key ${tokenKey} is removed: requests with it are refused from now on.`);
}

/** Opening would create an empty store. */
function checkHasAccounts(place: StoreLocation, username: string): void {
  if (hasStore(place)) return;
  const { stateDir } = place;
  throw new RackError(
    'not-found',
    `there is no user ${username}: ${stateDir} has no accounts yet; rackboot createadmin --username ${username} makes the first`,
  );
}

/** As `openStore`, but with the remedy for a user who may not enter the state directory. */
async function openAccounts(place: StoreLocation): Promise<RegionStore> {
  const { stateDir } = place;
  try {
    return await openStore(place);
  } catch (error) {
    // `config-invalid` is about a file that the configuration names.
    const isForbidden = error instanceof RackError && error.code !== 'config-invalid' && isOwnershipError(error.cause);
    // The error of `openStore` says how to make the directory.
    if (!isForbidden || !existsSync(stateDir)) throw error;
    const text = `${findOwnUserName()} may not change the accounts of ${stateDir}: ${composeReaderRemedy(stateDir)}`;
    throw new RackError('permission-denied', text, { cause: error });
  }
}

async function withStore<T>(place: StoreLocation, action: (store: RegionStore) => T | Promise<T>): Promise<T> {
  if (place.store.kind === 'sqlite') createAsOwner(place.stateDir);
  else becomeOwner(place.stateDir);
  const store = await openAccounts(place);
  try {
    return await action(store);
  } finally {
    await store.close();
  }
}

/** Asks for a password twice, and again after a mistake. */
export async function askPassword(
  username: string,
  ask: (question: string) => Promise<string>,
  tell: (text: string) => void,
): Promise<string> {
  for (let mistakes = 0; mistakes < MISTAKES_MAX; mistakes += 1) {
    const password = await ask(`Password for ${username} (at least ${PASSWORD_MIN} characters): `);
    if (password.length < PASSWORD_MIN) tell(`A password has at least ${PASSWORD_MIN} characters.`);
    else if (password !== (await ask('Once more: '))) tell('The two passwords differ.');
    else return password;
  }
  throw new RackError('bad-argument', 'no usable password; nothing was changed');
}

/** Before this process switches users: perhaps only root may read the file. */
const givenPassword = async (flags: PasswordFlags): Promise<string | undefined> =>
  flags.passwordFile === undefined ? undefined : await readPassword(flags);

/**
 * The first line of the file, or without a file from the terminal, which does not show it.
 * @throws RackError as `fileFault`, `bad-argument`, `cancelled`
 */
export async function readPassword(flags: PasswordFlags): Promise<string> {
  if (flags.passwordFile !== undefined) {
    if (isReadableByOthers(flags.passwordFile))
      printError(
        `Note: other users of this host can read ${flags.passwordFile}; to change that: chmod 600 ${shellWord(flags.passwordFile)}`,
      );
    const bytes = flags.passwordFile === '-' ? readFileSync(0) : readGivenFile(flags.passwordFile);
    return bytes.toString('utf8').split(/\r?\n/, 1)[0] ?? '';
  }
  if (process.stdin.isTTY !== true)
    throw new RackError('bad-argument', 'there is no terminal to ask for the password: add --password-file');
  const prompt = openPrompt({ silent: true });
  try {
    return await askPassword(flags.username, (question) => prompt.ask(question), printError);
  } finally {
    prompt.close();
  }
}

function isReadableByOthers(path: string): boolean {
  if (path === '-') return false;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && (stats.mode & 0o004) !== 0;
}
