// `rackboot login` and `rackboot logout`, and the same as commands of `rackboot maas`.
//
// 1. A profile is written only after the region has accepted the key.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { formatRefusalLines } from '../../control/field-refusal.ts';
import { withoutUser } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { parseRegionKey } from '../../uplink/region-key.ts';
import { checkGivenFile, readGivenFile } from '../terminal/given-file.ts';
import { print, printTable } from '../terminal/output.ts';
import { openPrompt } from '../terminal/prompt.ts';
import { checkProfileName, listProfiles, type Profile, readProfile, removeProfile, writeProfile } from './profiles.ts';
import { type ClientOptions, parseAnswerJson, profileClient, toUnavailableError } from './region-request.ts';

// Parses the address of a region as people write it: with or without `/MAAS`, `/api/1.0` or
// `/api/2.0`.

interface RegionAddress {
  /** `http://rack:5240/MAAS`. */
  readonly url: string;
  readonly api: '1.0' | '2.0';
}

const REGION_PATH = /^(?:\/+MAAS)?(?:\/+api(?:\/+(1\.0|2\.0))?)?\/*$/i;

/** The host, with its port, in a text that is not an address. */
function guessHost(text: string): string {
  const host = /^(?:[a-z][a-z0-9+.-]*:?\/\/)?(?:[^@/]*@)?([\w.:-]{1,100})(?:\/|$)/i.exec(text)?.[1];
  return host !== undefined && URL.canParse(`http://${host}/MAAS`) ? host : 'rack:5240';
}

/** @throws RackError `bad-argument` */
export function parseRegionAddress(text: string): RegionAddress {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new RackError(
      'bad-argument',
      `"${withoutUser(text).slice(0, 200)}" is not an address of a region: write it as http://${guessHost(text)}/MAAS`,
    );
  }
  if (url.username !== '' || url.password !== '')
    throw new RackError('bad-argument', 'the address must not contain a name or password: the API key comes after it');
  const match = REGION_PATH.exec(url.pathname);
  if (match === null || url.search !== '' || url.hash !== '')
    throw new RackError(
      'bad-argument',
      `"${withoutUser(text).slice(0, 200)}" is not an address of a region: the path is /MAAS, /MAAS/api/1.0 or /MAAS/api/2.0`,
    );
  return { url: `${url.protocol}//${url.host}/MAAS`, api: match[1] === '1.0' ? '1.0' : '2.0' };
}

interface LoginArguments {
  readonly profile: string;
  readonly url: string;
  /**
   * The key itself, the file that holds it, or `-` or `/dev/stdin` for standard input; undefined to
   * ask for the key or, without a terminal, to read standard input.
   */
  readonly apikey?: string | undefined;
  readonly cacerts?: string | undefined;
}

/**
 * Stores the address of a region and the key as a profile. @throws RackError `bad-argument`,
 * `not-running`
 */
export async function logIn(
  { profile: name, url: written, apikey, cacerts }: LoginArguments,
  options?: ClientOptions,
): Promise<number> {
  checkProfileName(name);
  const { url, api } = parseRegionAddress(written);
  if (cacerts !== undefined) checkGivenFile(cacerts);
  const key = await readApiKey(apikey);
  const profile: Profile = { url, api, key, ...(cacerts === undefined ? {} : { ca_file: resolve(cacerts) }) };
  const username = await checkKey(profile, options);
  writeProfile(name, profile);
  const asUser = username === undefined ? '' : ` as ${username}`;
  print(`You are logged in to ${url}/api/${api}/${asUser}; the profile is called ${name}.`);
  print(`Its commands: rackboot maas ${name} --help`);
  return 0;
}

/** The token in a profile's key, which identifies the key; `KEY` if the profile cannot be read. */
function findToken(name: string): string {
  try {
    return readProfile(name).key.split(':')[1] ?? '';
  } catch (error) {
    if (error instanceof RackError) return 'KEY';
    throw error;
  }
}

/** Removes a profile. Its API key stays valid. */
export function logOut({ profile: name }: { readonly profile: string }): number {
  const token = findToken(name);
  removeProfile(name);
  const removal = `\`rackboot apikey --username USER --remove ${token}\` removes it on the region's host`;
  print(`The profile ${name} is removed.${token === '' ? '' : ` Its API key stays valid until ${removal}.`}`);
  return 0;
}

/** Prints the stored profiles without their keys. */
export function showProfiles(): number {
  const rows = listProfiles().map((name) => {
    const { url, api, key } = readProfile(name);
    return [name, `${url}/api/${api}/`, key === '' ? 'no key' : ''];
  });
  printTable(['PROFILE', 'REGION', ''], rows, 'There are no profiles yet: rackboot login PROFILE URL KEY');
  return 0;
}

/** @param argument as `apikey` in `LoginArguments` @throws RackError `bad-argument` */
export async function readApiKey(argument: string | undefined): Promise<string> {
  const text = argument === undefined ? await askForKey() : isInput(argument) ? readInput() : literalOrFile(argument);
  const key = text.trim().split(/\s/, 1)[0] ?? '';
  if (key !== '' && parseRegionKey(key) === undefined)
    throw new RackError(
      'bad-argument',
      'this is not an API key: a key has three parts, consumer:token:secret, as rackboot apikey prints it',
    );
  return key;
}

const isInput = (argument: string): boolean => argument === '-' || argument === '/dev/stdin';

const readInput = (): string => readFileSync(0, 'utf8');

/** The key itself, or the text of the file that holds it. */
function literalOrFile(argument: string): string {
  if (argument === '' || (parseRegionKey(argument) !== undefined && !existsSync(argument))) return argument;
  return readGivenFile(argument).toString('utf8');
}

async function askForKey(): Promise<string> {
  if (process.stdin.isTTY !== true) return readInput();
  const prompt = openPrompt({ silent: true });
  try {
    return await prompt.ask('API key (empty: use only operations that need none): ');
  } finally {
    prompt.close();
  }
}

const whoShape = z.looseObject({ username: z.string() });

/**
 * Checks a key by a request to the region. API 1.0 has no `whoami`, and a region of MAAS 1 has no
 * API 2.0. @returns the key's owner, if the region names the owner
 */
async function checkKey(profile: Profile, options?: ClientOptions): Promise<string | undefined> {
  const { url, api, key } = profile;
  const send = (path: string, op?: string) =>
    profileClient(
      profile,
      options,
    )({
      method: 'GET',
      path: `/MAAS/api/${path}/`,
      query: new URLSearchParams(op === undefined ? {} : { op }),
    });
  const askUsername = () => send('2.0/users', 'whoami');
  const isApi1 = key !== '' && api === '1.0';
  const answer = await (key === '' ? send(`${api}/version`) : isApi1 ? send('1.0/nodegroups', 'list') : askUsername());
  const { status, body } = answer;
  // The name is optional: only the status matters.
  if (status === 200) return whoShape.safeParse(parseAnswerJson(isApi1 ? await askUsername() : answer)).data?.username;
  const message = body.toString('utf8');
  if (status === 401 || status === 403)
    throw new RackError('bad-argument', `${url} does not accept this API key: ${formatRefusalLines(message)}`);
  const failure = toUnavailableError(url, answer);
  if (failure !== undefined) throw failure;
  throw new RackError(
    'not-running',
    `${url} answered ${status}, so it is not a region: ${formatRefusalLines(message)}`,
  );
}
