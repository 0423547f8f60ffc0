// Who may do what: people with a name and a password, and the API keys by which they, their programs and their machines are known.
//
// Sources: RFC 7914 (scrypt), RFC 7617 (Basic); the three-part API key of MAAS, `consumer:token:secret`.
//
// 1. A password is kept as its scrypt hash, the secret of a key as its SHA-256 digest (the secret is 192 random bits, so a plain
//    digest cannot be guessed); neither is ever written to a log, an event or an answer, but for the one answer that made the key.
// 2. Secrets are compared in constant time.
// 3. A password is looked at with a permit only (`password-limits.ts`). The secret of a key needs none: a digest costs nothing, and 192
//    random bits cannot be guessed, at whatever rate.

import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { ApiKey, RegionStore, User } from '../records/store.ts';
import type { PasswordPermit } from './password-limits.ts';

/** API keys of one user, who alone fills it; the key unused for longest makes room for a new one, and others notice nothing. */
export const KEYS_PER_USER_MAX = 32;
/** How often the time of a key's last use is written. */
const KEY_USE_RECORDED_MS = 3_600_000;
export const PASSWORD_MAX = 512;
/** A password has at least so many characters. */
export const PASSWORD_MIN = 8;
/** Under this name the deeds of who uses the control socket of this host are recorded, and their SSH keys kept. */
export const LOCAL_ADMINISTRATOR = 'local-administrator';

/** scrypt's cost: 2^15 blocks of 1 KiB take 32 MiB and about 100 ms of one core. */
const SCRYPT = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

const newUser = z.object({
  username: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9@.+_-]{0,149}$/, 'a user name has 1 to 150 letters, digits or @ . + - _'),
  email: z.union([
    z.literal(''),
    z
      .string()
      .max(254)
      .regex(/^[^\s@]+@[^\s@]+$/, 'an e-mail address has the form name@host'),
  ]),
  password: z
    .string()
    .min(PASSWORD_MIN, `a password has at least ${PASSWORD_MIN} characters`)
    .max(PASSWORD_MAX, `a password has at most ${PASSWORD_MAX} characters`),
});

/** What a new account takes. */
export type NewUser = z.input<typeof newUser>;

/** What is wrong with each part of a new account, for a person; undefined: nothing. */
export function newUserProblems(account: NewUser): Readonly<Record<string, readonly string[]>> | undefined {
  const checked = newUser.safeParse(account);
  return checked.success ? undefined : z.flattenError(checked.error).fieldErrors;
}

/** What is wrong with a new account, in one line; undefined: nothing. */
export function newUserProblem(account: NewUser): string | undefined {
  const problems = newUserProblems(account);
  return problems === undefined ? undefined : Object.values(problems).flat().join('; ');
}

/** What is wrong with a password, for a person; undefined: nothing. */
export function passwordProblem(password: string): string | undefined {
  const checked = newUser.shape.password.safeParse(password);
  return checked.success ? undefined : checked.error.issues.map((issue) => issue.message).join('; ');
}

function derive(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, SCRYPT, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** The form in which a password is kept: `scrypt$N$r$p$salt$hash`. */
export async function hashPassword(password: string, clock: Clock): Promise<string> {
  const salt = clock.randomBytes(SALT_BYTES);
  const hash = await derive(password, salt);
  const text = [salt, hash].map((bytes) => Buffer.from(bytes).toString('base64url'));
  return ['scrypt', SCRYPT.N, SCRYPT.r, SCRYPT.p, ...text].join('$');
}

/** True when the password is the one that was hashed. Costs the same for every password, and uses the permit up. */
export async function verifyPassword(permit: PasswordPermit, password: string, hash: string): Promise<boolean> {
  permit.spend();
  const [scheme, cost, block, parallel, salt, expected] = hash.split('$');
  const isOurs =
    scheme === 'scrypt' && Number(cost) === SCRYPT.N && Number(block) === SCRYPT.r && Number(parallel) === SCRYPT.p;
  if (!isOurs || salt === undefined || expected === undefined || password.length > PASSWORD_MAX) return false;
  return equalBytes(await derive(password, Buffer.from(salt, 'base64url')), Buffer.from(expected, 'base64url'));
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Compares two texts in a time that tells nothing of either. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

/**
 * Makes an administrator.
 * @throws RackError `bad-argument` when name, e-mail or password are unusable, `already-exists` when the name is taken
 */
export async function createAdmin(store: RegionStore, clock: Clock, account: NewUser): Promise<User> {
  const problem = newUserProblem(account);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  const { username, email, password } = newUser.parse(account);
  const passwordHash = await hashPassword(password, clock);
  const user = store.addUser({ username, email, passwordHash, isAdmin: true, createdMs: clock.wallTimeMs() });
  if (user === undefined) throw nameTaken(username);
  return user;
}

/** The refusal of a name that somebody has. */
export const nameTaken = (username: string): RackError =>
  new RackError(
    'already-exists',
    `a user ${username} exists: choose another name, or \`rackboot password ${username}\` gives it another password`,
  );

/**
 * Gives an account another password, on the store alone: for the command line of this host.
 * @throws RackError `bad-argument` when the password is unusable, `not-found` when there is no such account
 */
export async function changePassword(
  store: RegionStore,
  clock: Clock,
  username: string,
  password: string,
): Promise<void> {
  const problem = passwordProblem(password);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  const passwordHash = await hashPassword(password, clock);
  const description = `changed the password of ${username}`;
  const event = {
    type: 'AUTHORISATION',
    description,
    atMs: clock.wallTimeMs(),
    username: LOCAL_ADMINISTRATOR,
  } as const;
  if (!store.changeUser(username, { passwordHash }, event))
    throw new RackError('not-found', `there is no user ${username}`);
}

/**
 * Makes an API key and returns its text, `consumer:token:secret`. The text cannot be had a second time.
 * @throws RackError `not-found` when there is no such user
 */
export function createApiKey(store: RegionStore, clock: Clock, username: string, name = ''): string {
  if (store.findUser(username) === undefined) {
    throw new RackError('not-found', `there is no user ${username}: make one with rackboot createadmin`);
  }
  const [consumerKey, tokenKey, secret] = [18, 18, 24].map((bytes) => keyPart(clock, bytes));
  if (consumerKey === undefined || tokenKey === undefined || secret === undefined) throw new Error('unreachable');
  const nowMs = clock.wallTimeMs();
  const key: ApiKey = {
    tokenKey,
    consumerKey,
    secretDigest: digestOf(secret),
    name,
    username,
    createdMs: nowMs,
    usedMs: nowMs,
  };
  store.addKey(key, KEYS_PER_USER_MAX);
  const description = name === '' ? 'made an API key' : `made an API key for ${name}`;
  store.recordEvent({ type: 'AUTHORISATION', description, atMs: nowMs, username }, undefined);
  return `${consumerKey}:${tokenKey}:${secret}`;
}

/** A random part of a key, of letters and digits only: some clients split keys at anything else. */
export function keyPart(clock: Clock, characters: number): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789';
  let text = '';
  for (let count = 0; count < characters; count += 1) {
    const [high = 0, low = 0, extra = 0] = clock.randomBytes(3);
    text += alphabet.charAt((high * 65_536 + low * 256 + extra) % alphabet.length);
  }
  return text;
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** The key that these three parts name, or undefined; its use is recorded at most once an hour. */
export function findApiKey(
  store: RegionStore,
  clock: Clock,
  credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
): ApiKey | undefined {
  const key = store.findKey(credentials.tokenKey);
  const digest = digestOf(credentials.secret);
  // Compared also when there is no such key, so that the time does not tell.
  const matches = equalSecrets(digest, key?.secretDigest ?? '');
  if (key === undefined || !matches || !equalSecrets(key.consumerKey, credentials.consumerKey)) return undefined;
  const nowMs = clock.wallTimeMs();
  if (nowMs - key.usedMs > KEY_USE_RECORDED_MS) markUsed(store, key, nowMs);
  return key;
}

/** The time of use only says which key to forget first: a full disk must not keep people from reading. */
function markUsed(store: RegionStore, key: ApiKey, nowMs: number): void {
  try {
    store.markKeyUsed(key.tokenKey, nowMs);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
  }
}
