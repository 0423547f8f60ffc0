// Accounts: people with a name and a password, and the API keys with which people, programs and
// machines authenticate.
//
// Sources: RFC 7914 (scrypt), RFC 7617 (Basic); the three-part API key of MAAS, `consumer:token:secret`.
//
// 1. A password is stored as its scrypt hash, the secret of a key (192 random bits) as its SHA-256
//    digest. Neither appears in a log, an event or a response, except the response that creates the
//    key.
// 2. Secrets are compared in constant time.
// 3. A password is checked only with a permit (`password-limits.ts`). A key needs none: nobody
//    guesses 192 random bits.

import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { cleanText } from '../../ground/clean-text.ts';
import type { Clock } from '../../ground/clock.ts';
import { RackError, reachesStore } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import type { ApiKey, OwnedKey } from '../records/account-store.ts';
import { hashSha256 } from '../records/digest.ts';
import { type RefusalWord, refusal, wordOfIssue } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import type { User } from '../records/user.ts';
import type { PasswordPermit } from './password-limits.ts';

/**
 * API keys of one user, who alone fills it; one more is refused, because deleting another would
 * stop a program without a word.
 */
export const KEYS_PER_USER_MAX = 32;
export const KEY_NAME_MAX = 128;
/** How often the time of a key's last use is written. */
const KEY_USE_RECORDED_MS = 3_600_000;
export const PASSWORD_MAX = 512;
/**
 * One rule for commands, API and page. MAAS has no minimum, and scripts for it write
 * `--password maas`, `admin` or `ubuntu`. What keeps guessers out is their number of guesses
 * (`password-limits.ts`).
 */
export const PASSWORD_MIN = 4;
/** A shorter password is accepted with a note: one address may try 43 200 a day. */
export const PASSWORD_ADVISED = 8;
/**
 * The user name of commands on this host (root, or the service's user) unless the region has
 * exactly one administrator.
 */
export const LOCAL_ADMINISTRATOR = 'local-administrator';

/** scrypt's cost: 2^15 blocks of 1 KiB take 32 MiB and about 100 ms of one core. */
const SCRYPT = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/**
 * Names that no account may have, in lower case: of commands through the control socket, of events
 * without a user (`unknown`), and of MAAS's own accounts, which its clients show as such.
 */
const RESERVED_NAMES: ReadonlySet<string> = new Set([LOCAL_ADMINISTRATOR, 'maas', 'maas-init-node', 'unknown']);

const EMAIL_MAX = 254;
const EMAIL = 'an e-mail address must have the form name@host';

const newUser = z.object({
  username: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9@.+_-]{0,149}$/, 'a user name must have 1 to 150 letters, digits or @ . + - _')
    .refine(
      (name) => !RESERVED_NAMES.has(name.toLowerCase()),
      'the service itself uses this user name (local-administrator, MAAS, maas-init-node, unknown): choose another one',
    ),
  email: z
    .string()
    .max(EMAIL_MAX)
    .regex(/^(?:[^\s@]+@[^\s@]+)?$/, EMAIL)
    .refine((text) => cleanText(text) === text, EMAIL),
  password: z
    .string()
    .min(PASSWORD_MIN, `a password must have at least ${PASSWORD_MIN} characters`)
    .max(PASSWORD_MAX, `a password may have at most ${PASSWORD_MAX} characters`),
});

export type NewUser = z.input<typeof newUser>;

/** The problems of a new account by field; undefined: none. */
export function newUserProblems(account: NewUser): Readonly<Record<string, readonly RefusalWord[]>> | undefined {
  const checked = newUser.safeParse(account);
  return checked.success ? undefined : z.flattenError(checked.error, wordOfIssue).fieldErrors;
}

const inOneLine = (words: readonly RefusalWord[]) => words.map((word) => word.text).join('; ');

const isPlainWord = (text: string): boolean => text.length <= EMAIL_MAX && !/\s/.test(text) && cleanText(text) === text;

/**
 * The problems of a new administrator in one line; undefined: none. As for MAAS's `createadmin`,
 * its e-mail address may be any word.
 */
export function newUserProblem(account: NewUser): string | undefined {
  const email = isPlainWord(account.email) ? '' : account.email;
  const problems = newUserProblems({ ...account, email });
  return problems === undefined ? undefined : inOneLine(Object.values(problems).flat());
}

const findProblems = (schema: z.ZodType, text: string): readonly RefusalWord[] | undefined => {
  const checked = schema.safeParse(text);
  return checked.success ? undefined : checked.error.issues.map(wordOfIssue);
};

export const passwordProblems = (password: string) => findProblems(newUser.shape.password, password);

export const emailProblems = (email: string) => findProblems(newUser.shape.email, email);

/** True if another of these accounts than `username` has the e-mail address, in upper or lower case. */
export const isEmailTaken = (users: readonly User[], email: string, username: string): boolean =>
  email !== '' && users.some((user) => user.username !== username && user.email.toLowerCase() === email.toLowerCase());

function derive(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, SCRYPT, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** Hashes a password into its stored form, `scrypt$N$r$p$salt$hash`. */
export async function hashPassword(password: string, clock: Clock): Promise<string> {
  const salt = clock.randomBytes(SALT_BYTES);
  const hash = await derive(password, salt);
  const text = [salt, hash].map((bytes) => Buffer.from(bytes).toString('base64url'));
  return ['scrypt', SCRYPT.N, SCRYPT.r, SCRYPT.p, ...text].join('$');
}

/**
 * True if the password matches the hash. Costs the same for every password of valid length, and
 * uses the permit up.
 */
export async function verifyPassword(permit: PasswordPermit, password: string, hash: string): Promise<boolean> {
  permit.spend();
  const [scheme, cost, block, parallel, salt, expected] = hash.split('$');
  const isOurs =
    scheme === 'scrypt' && Number(cost) === SCRYPT.N && Number(block) === SCRYPT.r && Number(parallel) === SCRYPT.p;
  if (!isOurs || salt === undefined || expected === undefined || password.length > PASSWORD_MAX) return false;
  return equalBytes(await derive(password, Buffer.from(salt, 'base64url')), Buffer.from(expected, 'base64url'));
}

function equalBytes(a: Uint8Array, b: Uint8Array) {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

export const emailTakenText = (email: string): string =>
  `Another user has the e-mail address ${email}: give another one, or none.`;

/**
 * @throws RackError `bad-argument` for an invalid name, e-mail address or password;
 * `already-exists` if the name or the address is taken
 */
export async function createAdmin(store: RegionStore, clock: Clock, account: NewUser): Promise<User> {
  const problem = newUserProblem(account);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  const { username, email, password } = account;
  if (isEmailTaken(await store.accounts.listUsers(), email, username)) {
    throw new RackError('already-exists', emailTakenText(email));
  }
  const passwordHash = await hashPassword(password, clock);
  const user = await store.accounts.addUser({
    username,
    email,
    passwordHash,
    isAdmin: true,
    createdMs: clock.wallTimeMs(),
  });
  if (user === undefined) throw nameTaken(username);
  return user;
}

/**
 * The account for which commands on this host act, in events, as owner and for SSH keys: the only
 * administrator. `undefined` if there is none, or if there are several: then nobody knows which of
 * them gave the command, and it is recorded as LOCAL_ADMINISTRATOR's.
 */
export async function findOperator({ accounts }: Pick<RegionStore, 'accounts'>): Promise<User | undefined> {
  const [user, ...others] = (await accounts.listUsers()).filter(({ isAdmin }) => isAdmin);
  return others.length === 0 ? user : undefined;
}

export const operatorName = async (store: Pick<RegionStore, 'accounts'>): Promise<string> =>
  (await findOperator(store))?.username ?? LOCAL_ADMINISTRATOR;

/** The question whether another user was meant; empty if no name is near. */
export const didYouMeanUser = async (store: RegionStore, username: string): Promise<string> =>
  composeNearestHint(
    username,
    (await store.accounts.listUsers()).map((user) => user.username),
  );

export const usernameTakenText = (username: string): string =>
  `The user ${username} exists already: choose another name, or give it another password (\`rackboot password ${username}\`).`;

export const nameTaken = (username: string): RackError => new RackError('already-exists', usernameTakenText(username));

/**
 * Changes an account's password directly in the store, for this host's command line.
 * @throws RackError `bad-argument` for an invalid password; `not-found` if there is no such account
 */
export async function setPasswordInStore(
  store: RegionStore,
  clock: Clock,
  username: string,
  password: string,
): Promise<void> {
  const problems = passwordProblems(password);
  if (problems !== undefined) throw new RackError('bad-argument', inOneLine(problems));
  const passwordHash = await hashPassword(password, clock);
  const event = {
    type: 'AUTHORISATION',
    code: 'password-changed',
    params: { user: username },
    atMs: clock.wallTimeMs(),
    username: await operatorName(store),
  } as const;
  if (!(await store.accounts.changeUser(username, { passwordHash }, event)))
    throw new RackError('not-found', `there is no user ${username}`);
}

async function refuseKey(store: RegionStore, username: string) {
  const [unused] = (await store.accounts.listKeys(username)).toSorted((a, b) => a.usedMs - b.usedMs);
  return refusal(
    'api-keys-limit',
    `${username} has ${KEYS_PER_USER_MAX} API keys, the maximum: delete one with op=delete_authorisation_token, or on the region's host with rackboot apikey --username ${username} --remove ${unused?.tokenKey ?? 'none'}, the key unused for longest (--list shows all).`,
  );
}

export const findKeyRefusal = async (store: RegionStore, username: string): Promise<RefusalWord | undefined> =>
  (await store.accounts.listKeys(username)).length < KEYS_PER_USER_MAX ? undefined : await refuseKey(store, username);

/**
 * Creates an API key and returns its text, `consumer:token:secret`, which cannot be retrieved again.
 * @throws RackError `not-found` if there is no such user; `limit-reached` if the user has as many
 * as a user may have
 */
export async function createApiKey(store: RegionStore, clock: Clock, username: string, name = ''): Promise<string> {
  if ((await store.accounts.findUser(username)) === undefined) {
    throw new RackError(
      'not-found',
      `there is no user ${username}: ${await didYouMeanUser(store, username)}\`rackboot users list\` shows all, \`rackboot users add ${username}\` makes one`,
    );
  }
  const [consumerKey, tokenKey, secret] = [18, 18, 24].map((bytes) => keyPart(clock, bytes));
  if (consumerKey === undefined || tokenKey === undefined || secret === undefined) throw new Error('unreachable');
  const nowMs = clock.wallTimeMs();
  const key: ApiKey = {
    tokenKey,
    consumerKey,
    secretDigest: hashSha256(secret),
    name,
    username,
    createdMs: nowMs,
    usedMs: nowMs,
  };
  if (!(await store.accounts.addKey(key, KEYS_PER_USER_MAX)))
    throw new RackError('limit-reached', (await refuseKey(store, username)).text);
  const event = { type: 'AUTHORISATION', code: 'api-key-made', params: { name }, atMs: nowMs, username } as const;
  await store.recordEvent(event, undefined);
  return `${consumerKey}:${tokenKey}:${secret}`;
}

/** A random part of a key. Letters and digits only, because some clients split keys at other characters. */
export function keyPart(clock: Clock, characters: number): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789';
  let text = '';
  for (let count = 0; count < characters; count += 1) {
    const [high = 0, low = 0, extra = 0] = clock.randomBytes(3);
    text += alphabet.charAt((high * 65_536 + low * 256 + extra) % alphabet.length);
  }
  return text;
}

/**
 * The API key with these three parts, or undefined; records its first use, and later ones at most
 * once an hour.
 */
export async function findApiKey(
  store: RegionStore,
  clock: Clock,
  credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
): Promise<OwnedKey | undefined> {
  const key = await store.accounts.findKey(credentials.tokenKey);
  const digest = hashSha256(credentials.secret);
  // An unknown key is compared too, so that the time reveals nothing.
  const matches = equalSecrets(digest, key?.secretDigest ?? '');
  if (key === undefined || !matches || !equalSecrets(key.consumerKey, credentials.consumerKey)) return undefined;
  const nowMs = clock.wallTimeMs();
  if (!wasUsed(key)) await markUsed(store, key, Math.max(nowMs, key.createdMs + 1));
  else if (nowMs - key.usedMs > KEY_USE_RECORDED_MS) await markUsed(store, key, nowMs);
  return key;
}

/** False for a key that nobody has used since it was made: its time of use is the time when it was made. */
export const wasUsed = ({ usedMs, createdMs }: Pick<ApiKey, 'usedMs' | 'createdMs'>): boolean => usedMs !== createdMs;

/** The time of use only decides which key to remove first, so a full disk must not make requests fail. */
const markUsed = (store: RegionStore, key: ApiKey, nowMs: number) =>
  reachesStore(() => store.accounts.markKeyUsed(key.tokenKey, nowMs));
