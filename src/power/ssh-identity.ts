// Rackboot's SSH key for hypervisors, and the script that calls ssh with it.
//
//   <state_dir>/ssh/id_ed25519          the private key, mode 600: the one in the region's store, for ssh
//                   id_ed25519.former   the key that the store's key replaced, if they differed
//                   known_hosts         each hypervisor's key as first seen; a different one later is refused
//                   connect             a script that calls ssh with both: libvirt runs a program, but cannot pass it our options
//                   password-…/         for one connection with a password: `connect`, and `askpass`, which prints the password to ssh
//
//   no key in the store ─► the file's, or a new one ─► store it ─┬─ it is the first ─► done
//                                                                └─ another was faster ─► write that to the file
//
// 1. The store's key is never replaced, because all processes have it. If two keys are made at
//    once, the first one stored wins.
// 2. A replaced key stays in the directory under another name, because hypervisors may accept it.
// 3. ssh never prompts a person. A password is neither an argument nor in the environment; libvirt
//    would pass on neither (ssh(1), SSH_ASKPASS; OpenSSH 8.4 and later).

import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { makeDirectories } from '../files/durable-directory.ts';
import { writeNewFile } from '../files/new-file.ts';
import { composeOwnershipRemedy } from '../files/ownership.ts';
import { shellWord } from '../ground/clean-text.ts';
import type { Clock } from '../ground/clock.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { cleanWords } from './outcome.ts';
import { runProgram } from './program.ts';
import { missingProgram } from './programs.ts';

const KEYGEN_MS_MAX = 20_000;
const CONNECT_SECONDS = 10;
const KEY_FILE = 'id_ed25519';
const KNOWN_HOSTS = 'known_hosts';
/** The start of a directory's name, before the number of the process that made it. */
const PASSWORD_PREFIX = 'password-';
/** Paths that a shell and ssh's configuration read literally. */
const PLAIN_PATH = /^\/[A-Za-z0-9._/+@-]*$/;

export interface SshIdentity {
  readonly key: string;
  /** A script that takes ssh's arguments. */
  readonly connect: string;
}

/**
 * The store in which the processes agree on one key. Each method is one transaction, and rejects if
 * the store fails.
 */
export interface SshKeyStore {
  /** The private key. */
  find(): Promise<string | undefined>;
  /** Stores a key unless there is one. @param atMs wall time @returns the stored key */
  keep(privateKey: string, atMs: number): Promise<string>;
}

export const hasSshKey = (stateDir: string): boolean => existsSync(join(stateDir, 'ssh', KEY_FILE));

/**
 * Opens or creates Rackboot's key.
 *
 * @param store keeps the key; undefined if the store does not exist yet
 * @throws RackError `tool-missing`, `tool-failed`, `store-unwritable`, `bad-argument` if ssh could
 * not read the directory's name, and the errors of the store
 */
export async function openSshIdentity(stateDir: string, clock: Clock, store?: SshKeyStore): Promise<SshIdentity> {
  const stored = await store?.find();
  const identity = await writeIdentity(stateDir, clock, stored);
  if (store === undefined || stored !== undefined) return identity;
  // Store only a valid key: all processes of the region will use it.
  await readPublicKey(identity, clock);
  const ownKey = readPrivateKey(identity, stateDir);
  const agreedKey = await store.keep(ownKey, clock.wallTimeMs());
  return agreedKey === ownKey ? identity : await writeIdentity(stateDir, clock, agreedKey);
}

/**
 * @param stored the store's key; undefined to use the directory's key, or to make one if it has
 * none
 */
async function writeIdentity(stateDir: string, clock: Clock, stored: string | undefined): Promise<SshIdentity> {
  const directory = join(stateDir, 'ssh');
  if (!PLAIN_PATH.test(directory)) {
    const text = `${directory} cannot be given to ssh: use a state_dir of letters, digits and ._/+@- only`;
    throw new RackError('bad-argument', text);
  }
  const key = join(directory, KEY_FILE);
  const knownHosts = join(directory, KNOWN_HOSTS);
  const connect = join(directory, 'connect');
  try {
    makeDirectories(directory, 0o700);
    if (stored !== undefined) replaceKey(directory, key, stored);
    else if (!existsSync(key)) await makeKey(directory, key, clock);
    chmodSync(key, 0o600);
    writeConnect(connect, key, knownHosts);
    removeStalePasswords(directory);
  } catch (cause) {
    throw toStoreError(cause, directory, stateDir);
  }
  return { key, connect };
}

function readPrivateKey({ key }: SshIdentity, stateDir: string): string {
  try {
    return readFileSync(key, 'utf8');
  } catch (cause) {
    throw toStoreError(cause, dirname(key), stateDir);
  }
}

function toStoreError(cause: unknown, directory: string, stateDir: string): RackError {
  if (cause instanceof RackError) return cause;
  const why = osErrorCode(cause) ?? errorText(cause);
  const text = `${directory} cannot be written (${why}): ${composeOwnershipRemedy(directory, stateDir)}`;
  return new RackError('store-unwritable', text, { cause });
}

/** One line of an authorized_keys file. @throws RackError `tool-missing`, `tool-failed` */
export async function readPublicKey({ key }: SshIdentity, clock: Clock): Promise<string> {
  return (await keygen(['-y', '-P', '', '-f', key], clock)).trim();
}

async function makeKey(directory: string, key: string, clock: Clock): Promise<void> {
  const scratchDirectory = mkdtempSync(join(directory, 'new-'));
  try {
    const newKey = join(scratchDirectory, 'key');
    await keygen(['-q', '-t', 'ed25519', '-N', '', '-C', `rackboot@${hostname()}`, '-f', newKey], clock);
    const file = openSync(newKey, 'r');
    fsyncSync(file);
    closeSync(file);
    linkSync(newKey, key);
  } catch (error) {
    // Another process was faster: use its key.
    if (osErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(scratchDirectory, { recursive: true, force: true });
  }
}

/** Writes the store's key unless the directory has it. */
function replaceKey(directory: string, key: string, text: string): void {
  const hasKey = existsSync(key);
  if (hasKey && readFileSync(key, 'utf8') === text) return;
  const scratchDirectory = mkdtempSync(join(directory, 'new-'));
  try {
    const temporaryFile = join(scratchDirectory, 'key');
    writeNewFile(temporaryFile, text);
    if (hasKey) {
      const former = join(scratchDirectory, 'former');
      linkSync(key, former);
      renameSync(former, `${key}.former`);
    }
    renameSync(temporaryFile, key);
  } finally {
    rmSync(scratchDirectory, { recursive: true, force: true });
  }
}

async function keygen(args: readonly string[], clock: Clock): Promise<string> {
  const { signal } = new AbortController();
  const end = await runProgram('ssh-keygen', args, { clock, signal, timeMs: KEYGEN_MS_MAX });
  if (end.kind === 'missing') {
    const { program, command } = missingProgram(end.program).params;
    throw new RackError('tool-missing', `${program} is not installed: ${command}`);
  }
  if (end.kind === 'ended' && end.code === 0) return end.out;
  const complaint = end.kind === 'not-started' ? end.said : cleanWords(end.err);
  throw new RackError('tool-failed', `ssh-keygen failed: ${complaint || 'it did not end in time'}`);
}

/** @param askpass the program that prints the password; undefined to log in by key only */
function connectScript(key: string, knownHosts: string, askpass?: string): string {
  const options = [
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=accept-new',
    'HashKnownHosts=no',
    'UpdateHostKeys=no',
    ...(askpass === undefined
      ? ['BatchMode=yes', 'PreferredAuthentications=publickey']
      : [
          'BatchMode=no',
          'NumberOfPasswordPrompts=1',
          'PreferredAuthentications=publickey,password,keyboard-interactive',
        ]),
    `ConnectTimeout=${CONNECT_SECONDS}`,
    'ConnectionAttempts=1',
    'ServerAliveInterval=5',
    'ServerAliveCountMax=3',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'LogLevel=ERROR',
  ].map((option) => `-o ${option}`);
  const askpassVariables = askpass === undefined ? '' : `SSH_ASKPASS=${askpass} SSH_ASKPASS_REQUIRE=force `;
  const sshCommand = `${askpassVariables}exec ssh -F none -i ${key} ${options.join(' ')} "$@"`;
  return `#!/bin/sh\n# How Rackboot reaches a hypervisor; Rackboot restores this file if it changes.\n${sshCommand}\n`;
}

/**
 * Creates a connection script that logs in with a password, for a host that may not know the key.
 * Call `forget` once the connection has ended.
 * @throws RackError `store-unwritable`
 */
export function createPasswordConnection(
  { key }: Pick<SshIdentity, 'key'>,
  password: string,
): { readonly connect: string; readonly forget: () => void } {
  const directory = dirname(key);
  try {
    const connectionDirectory = mkdtempSync(join(directory, `${PASSWORD_PREFIX}${process.pid}-`));
    const [connect, askpass] = [join(connectionDirectory, 'connect'), join(connectionDirectory, 'askpass')];
    writeNewFile(askpass, `#!/bin/sh\nprintf '%s\\n' ${shellWord(password)}\n`, 0o700);
    writeNewFile(connect, connectScript(key, join(directory, KNOWN_HOSTS), askpass), 0o700);
    return { connect, forget: () => rmSync(connectionDirectory, { recursive: true, force: true }) };
  } catch (cause) {
    throw toStoreError(cause, directory, dirname(directory));
  }
}

/** Removes the passwords of processes that were killed. */
function removeStalePasswords(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = name.startsWith(PASSWORD_PREFIX)
      ? Number.parseInt(name.slice(PASSWORD_PREFIX.length), 10)
      : process.pid;
    if (pid !== process.pid && !existsSync(`/proc/${pid}`)) rmSync(join(directory, name), { recursive: true });
  }
}

/** Writes the script unless it is up to date. */
function writeConnect(path: string, key: string, knownHosts: string): void {
  const text = connectScript(key, knownHosts);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const scratchDirectory = mkdtempSync(`${path}-`);
  const temporaryFile = join(scratchDirectory, 'connect');
  writeNewFile(temporaryFile, text, 0o700);
  renameSync(temporaryFile, path);
  rmSync(scratchDirectory, { recursive: true, force: true });
}
