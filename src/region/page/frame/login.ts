// Signing in and out: redirect targets, form origins and the session cookie; API keys for passwords.
//
// Source of the last: MAAS's `/MAAS/accounts/authenticate/`, with which clients that know the
// capability `authenticate-api` log in.
//
// 1. A form from another origin cannot sign a user in (`isOwnOrigin`).
// 2. After signing in, a browser is redirected only to one of our own pages.
// 3. A key is given only while the password that was checked is still that of the account.

import { cleanText } from '../../../ground/clean-text.ts';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { createApiKey, findKeyRefusal, findOperator } from '../../accounts/accounts.ts';
import { type Answer, json, type Refusal, refuse, refuseFor } from '../../api/call/answer.ts';
import { noUserText } from '../../api/people/sshkey-operations.ts';
import type { RegionStore } from '../../records/store.ts';
import type { User } from '../../records/user.ts';
import type { Region } from '../../region.ts';
import { findCookie } from './sessions.ts';

/** The redirect target if it is one of our pages, else the list of machines. */
export const safeTarget = (to: string): string =>
  /^\/MAAS\/[A-Za-z0-9/._~:%?=&+-]{0,500}$/.test(to) && !to.includes('//') ? to : '/MAAS/';

interface FormOrigin {
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly host: string | undefined;
}

/** True for a form from one of our pages, or from a program that is not a browser. */
export function isOwnOrigin({ origin, site, host }: FormOrigin): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * The cookie's name. It contains a port, because browsers share cookies between the ports of a
 * host. It is the port that the browser named: behind a load balancer, one browser reaches
 * processes with different ports.
 */
export const cookieName = (host: string | undefined): string => `rackboot-${/:(\d{1,5})$/.exec(host ?? '')?.[1] ?? 0}`;

export function formatSessionCookie(name: string, token: string, isSecure: boolean): string {
  const age = token === '' ? '; Max-Age=0' : '';
  return `${name}=${token}; Path=/MAAS/; HttpOnly; SameSite=Lax${age}${isSecure ? '; Secure' : ''}`;
}

const WISH_SECONDS = 365 * 86_400;
const wishName = (name: string): string => `rackboot-${name}`;

/** A wish that the browser remembers; nobody is known by it. */
export const wishCookie = (name: string, value: string): string =>
  `${wishName(name)}=${value}; Path=/MAAS/; HttpOnly; SameSite=Lax; Max-Age=${WISH_SECONDS}`;

export const findWish = (header: string | undefined, name: string): string | undefined =>
  findCookie(header, wishName(name));

export const WRONG_PASSWORD = refuse('not-allowed', 'The name or the password is wrong.');

const linkUserText = (names: readonly string[]) =>
  names.length === 0
    ? 'There is no administrator yet: `rackboot createadmin` makes one.'
    : `There are several administrators: name one (${names.join(', ')}).`;

/** The user whom a link signs in: the named one, or else the only administrator. */
export async function findLinkUser(store: RegionStore, username: string | undefined): Promise<User | Refusal> {
  const user = username === undefined ? await findOperator(store) : await store.accounts.findUser(username);
  if (user !== undefined) return user;
  const users = await store.accounts.listUsers();
  if (username !== undefined) {
    const nearest = findNearestName(
      username,
      users.map((user) => user.username),
    );
    return refuse('not-found', noUserText(cleanText(username, 150), nearest));
  }
  const names = users.filter(({ isAdmin }) => isAdmin).map((user) => user.username);
  return refuse('bad-request', linkUserText(names.slice(0, NAMES_MAX)));
}

const NAMES_MAX = 10;

/** Makes an API key for a user whose password was checked. @param name the purpose of the key */
export const keyFor = (
  region: Pick<Region, 'store' | 'clock' | 'transact'>,
  user: User,
  name: string,
): Promise<Answer> =>
  region.transact(async () => {
    const { store, clock } = region;
    const { username, passwordHash } = user;
    if ((await store.accounts.findUser(username))?.passwordHash !== passwordHash) return WRONG_PASSWORD;
    const full = await findKeyRefusal(store, username);
    if (full !== undefined) return refuseFor([full]);
    const [consumer_key, token_key, token_secret] = (await createApiKey(store, clock, username, name)).split(':');
    return json({ name, consumer_key, token_key, token_secret });
  });
