// `rackboot createadmin`, `rackboot password` and `rackboot apikey`: straight on the region's store, so that they work before the daemon first ran and
// beside one that runs.

import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/load.ts';
import { errorText, RackError } from '../../errors.ts';
import { isOwnershipError, ownUserName, readerRemedy } from '../../files/ownership.ts';
import {
  changePassword,
  createAdmin,
  createApiKey,
  nameTaken,
  newUserProblem,
  PASSWORD_MIN,
} from '../../region/accounts/accounts.ts';
import type { RegionStore } from '../../region/records/store.ts';
import { hasRegionStore, openRegionStore } from '../../store/region-sqlite.ts';
import { print, printError } from '../output.ts';
import { openPrompt } from '../prompt.ts';
import { becomeOwnerOf } from '../state-owner.ts';

/** Who makes more mistakes is no person. */
const MISTAKES_MAX = 50;

/** Whose password is read, and from where. */
export interface PasswordFlags {
  readonly username: string;
  /** `-`: standard input; undefined: the terminal is asked. */
  readonly passwordFile?: string | undefined;
}

export interface AdministratorFlags extends PasswordFlags {
  readonly config: string;
  readonly email: string;
  readonly password?: string | undefined;
}

/** Makes an administrator. @returns 0 */
export async function createAdministrator(flags: AdministratorFlags): Promise<number> {
  const { stateDir } = loadPlace(flags.config);
  const { username, email } = flags;
  // Before this process becomes another user: the file may be root's alone.
  const given = flags.password ?? (flags.passwordFile === undefined ? undefined : await readPassword(flags));
  // Nobody types a password for a name that is taken.
  if (given === undefined && hasRegionStore(stateDir)) {
    await withStore(stateDir, (store) => {
      if (store.findUser(username) !== undefined) throw nameTaken(username);
    });
  }
  const account = { username, email, password: given ?? (await readPassword(flags)) };
  // Before a store is made for it.
  const problem = newUserProblem(account);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  await withStore(stateDir, (store) => createAdmin(store, systemClock, account));
  print(`${flags.username} is an administrator. Their API key: rackboot apikey --username ${flags.username}`);
  return 0;
}

/**
 * Gives an account another password. Whoever may write into the state directory may do so: root, and the user of the service.
 *
 * @returns 0
 * @throws RackError `not-found`, `bad-argument`, `store-unwritable`
 */
export async function resetPassword(flags: PasswordFlags & { readonly config: string }): Promise<number> {
  const { stateDir } = loadPlace(flags.config);
  const { username } = flags;
  checkHasAccounts(stateDir, username);
  await withStore(stateDir, async (store) => {
    if (store.findUser(username) === undefined)
      throw new RackError('not-found', `there is no user ${username}; rackboot users list shows all`);
    await changePassword(store, systemClock, username, await readPassword(flags));
  });
  print(`${username} has another password; browsers that were signed in are signed out.`);
  return 0;
}

/** Prints a new API key, and nothing else. @returns 0 */
export async function printApiKey(flags: {
  readonly config: string;
  readonly username: string;
  readonly name: string;
}): Promise<number> {
  const { stateDir } = loadPlace(flags.config);
  checkHasAccounts(stateDir, flags.username);
  const key = await withStore(stateDir, (store) => createApiKey(store, systemClock, flags.username, flags.name));
  print(key);
  return 0;
}

/** Opening a store makes it: what changes an account must not leave an empty one behind. @throws RackError `not-found` */
function checkHasAccounts(stateDir: string, username: string): void {
  if (hasRegionStore(stateDir)) return;
  throw new RackError(
    'not-found',
    `there is no user ${username}: ${stateDir} holds no account yet; rackboot createadmin --username ${username} makes the first`,
  );
}

/** @throws RackError as `openRegionStore`, and `permission-denied` with whom to be, for a user who may not enter the state directory */
function openStore(stateDir: string): RegionStore {
  try {
    return openRegionStore({ stateDir });
  } catch (error) {
    const isForbidden = error instanceof RackError && isOwnershipError(error.cause);
    // One that is not there is to be made: that error says how.
    if (!isForbidden || !existsSync(stateDir)) throw error;
    const text = `the accounts of ${stateDir} may not be changed by ${ownUserName()}: ${readerRemedy(stateDir)}`;
    throw new RackError('permission-denied', text, { cause: error });
  }
}

async function withStore<T>(stateDir: string, action: (store: RegionStore) => T | Promise<T>): Promise<T> {
  becomeOwnerOf(stateDir);
  const store = openStore(stateDir);
  try {
    return await action(store);
  } finally {
    store.close();
  }
}

/** Asks twice for a password; after a mistake both questions come again. @throws RackError `bad-argument` after MISTAKES_MAX of them */
export async function askPassword(
  username: string,
  ask: (question: string) => Promise<string>,
  tell: (text: string) => void,
): Promise<string> {
  for (let mistakes = 0; mistakes < MISTAKES_MAX; mistakes += 1) {
    const password = await ask(`Password for ${username} (at least ${PASSWORD_MIN} characters): `);
    // Nobody types twice what will not do.
    if (password.length < PASSWORD_MIN) tell(`A password has at least ${PASSWORD_MIN} characters.`);
    else if (password !== (await ask('Once more: '))) tell('The two passwords differ.');
    else return password;
  }
  throw new RackError('bad-argument', 'no usable password; nothing was changed');
}

/** Reads a password from where nobody sees it. @throws RackError `bad-argument`, `cancelled` */
export async function readPassword(flags: PasswordFlags): Promise<string> {
  if (flags.passwordFile !== undefined) {
    try {
      return readFileSync(flags.passwordFile === '-' ? 0 : flags.passwordFile, 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      throw new RackError('bad-argument', `cannot read the password from ${flags.passwordFile}: ${errorText(error)}`, {
        cause: error,
      });
    }
  }
  if (process.stdin.isTTY !== true)
    throw new RackError('bad-argument', 'no terminal to ask for the password on; give --password-file');
  const prompt = openPrompt({ silent: true });
  try {
    return await askPassword(flags.username, (question) => prompt.ask(question), printError);
  } finally {
    prompt.close();
  }
}
