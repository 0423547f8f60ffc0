// The regions to which a person has logged in, each under a name: one file per profile in the
// user's configuration directory.
//
// Source: XDG Base Directory Specification 0.8 ($XDG_CONFIG_HOME; a relative path there is ignored).
//
// 1. Only the user may read a profile: it holds an API key. A file that others may read is refused.
// 2. No output shows a key.
// 3. A profile is written under another name and then renamed.

import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { makeDirectories } from '../../files/durable-directory.ts';
import { writeNewFile } from '../../files/new-file.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';

/** The names that a profile may have. */
const PROFILE_NAME = /^[A-Za-z0-9][\w.@+-]{0,63}$/;
const ENDING = '.json';

/** `rackboot maas` reads these as commands where a profile's name could stand. */
const RESERVED_NAMES = ['login', 'logout', 'list', 'refresh', 'init', 'status', 'config', 'createadmin', 'apikey'];

const profileShape = z.object({
  /** `http://rack:5240/MAAS`. */
  url: z.string().max(1024),
  /** The API version to search first. */
  api: z.enum(['1.0', '2.0']),
  /** Empty for a caller without a key. */
  key: z.string().max(1024),
  /** A file with the certificates to trust instead of the system's. */
  ca_file: z.string().max(4096).optional(),
});
export type Profile = z.output<typeof profileShape>;

export function profileDirectory(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const { XDG_CONFIG_HOME: configHome = '' } = environment;
  const base = isAbsolute(configHome) ? configHome : join(environment.HOME || homedir(), '.config');
  return join(base, 'rackboot', 'profiles');
}

const profilePath = (name: string): string => join(profileDirectory(), `${name}${ENDING}`);

/** @throws RackError `bad-argument` for a text that cannot name a profile */
export function checkProfileName(name: string): void {
  if (RESERVED_NAMES.includes(name))
    throw new RackError('bad-argument', `${name} is a command, so it cannot name a profile: choose another name`);
  if (!PROFILE_NAME.test(name))
    throw new RackError(
      'bad-argument',
      `"${name.slice(0, 64)}" is not a name for a profile: use 1 to 64 letters, digits and _ . @ + -, a letter or digit first`,
    );
}

/** Lists the names of the profiles, sorted. */
export function listProfiles(): readonly string[] {
  try {
    const names = readdirSync(profileDirectory()).filter((file) => file.endsWith(ENDING));
    return names
      .map((file) => file.slice(0, -ENDING.length))
      .filter((name) => PROFILE_NAME.test(name))
      .toSorted();
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') return [];
    throw toUnusableError(profileDirectory(), cause);
  }
}

/**
 * @throws RackError `not-found` with the nearest name, `permission-denied` if others may read it,
 * `bad-argument` if it is not a profile
 */
export function readProfile(name: string): Profile {
  checkProfileName(name);
  const file = profilePath(name);
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0)
      throw new RackError('permission-denied', `other users of this host may read ${file}: chmod 600 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') throw toNotFoundError(name, cause);
    throw toUnusableError(file, cause);
  }
  const parsed = profileShape.safeParse(parseText(text));
  if (parsed.success) return parsed.data;
  throw new RackError('bad-argument', `${file} is not a valid profile: rackboot login ${name} URL KEY writes it again`);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports that the file is not a profile.
    return undefined;
  }
}

/** Replaces an existing profile of the same name. @throws RackError `bad-argument`, `store-unwritable` */
export function writeProfile(name: string, profile: Profile): void {
  checkProfileName(name);
  const file = profilePath(name);
  const partialFile = `${file}.${process.pid}.part`;
  try {
    makeDirectories(profileDirectory(), 0o700);
    writeNewFile(partialFile, `${JSON.stringify(profile, null, 2)}\n`);
    renameSync(partialFile, file);
  } catch (cause) {
    throw toUnusableError(file, cause);
  }
}

/** @throws RackError `not-found`, `store-unwritable` */
export function removeProfile(name: string): void {
  checkProfileName(name);
  const file = profilePath(name);
  try {
    rmSync(file);
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOENT') throw toNotFoundError(name, cause);
    throw toUnusableError(file, cause);
  }
}

function toNotFoundError(name: string, cause: unknown): RackError {
  const names = listProfiles();
  const hint = names.length === 0 ? '' : `${composeNearestHint(name, names)}\`rackboot maas list\` shows all; `;
  return new RackError('not-found', `there is no profile ${name}: ${hint}rackboot login ${name} URL KEY creates it`, {
    cause,
  });
}

function toUnusableError(path: string, cause: unknown): RackError {
  if (cause instanceof RackError) return cause;
  return new RackError(
    'store-unwritable',
    `${path} cannot be used: ${errorText(cause)}; set XDG_CONFIG_HOME to use another directory`,
    { cause },
  );
}
