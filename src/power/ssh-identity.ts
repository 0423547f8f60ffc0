// Rackboot's own SSH key for logging in to hypervisors, and the script that calls ssh with it.
//
//   <state_dir>/ssh/id_ed25519    the private key, mode 600, created once
//                   known_hosts   each hypervisor's key as first seen; a different one later is refused
//                   connect       a script that calls ssh with both: libvirt runs a program, but cannot pass it our options
//
// 1. The key is never replaced. If two processes create one at the same time, the first wins.
// 2. ssh never prompts: no password, no passphrase, no confirmation.

import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { makeDirectories } from '../files/durable-directory.ts';
import { ownershipRemedy } from '../files/ownership.ts';
import { openRegularFile, readRegularFile, UnfitFile, writeRegularFile } from '../files/regular-file.ts';
import { cleanWords } from './outcome.ts';
import { runProgram } from './program.ts';
import { missingText } from './programs.ts';

const KEYGEN_MS_MAX = 20_000;
const CONNECT_SECONDS = 10;
const CONNECT_BYTES_MAX = 64 * 1024;
/** Paths that a shell and ssh's configuration read literally. */
const PLAIN_PATH = /^\/[A-Za-z0-9._/+@-]*$/;

/** The paths of the key, and of the script that logs in with it. */
export interface SshIdentity {
  /** The path of the private key. */
  readonly key: string;
  /** The path of the script, which takes ssh's arguments. */
  readonly connect: string;
  /** The path of the keys of known hosts. */
  readonly knownHosts: string;
}

/**
 * Opens Rackboot's key, or creates it.
 *
 * @throws RackError `tool-missing`, `tool-failed`, `store-unwritable`, `bad-argument` if ssh could not read the directory's name
 */
export async function openSshIdentity(stateDir: string, clock: Clock): Promise<SshIdentity> {
  const directory = join(stateDir, 'ssh');
  if (!PLAIN_PATH.test(directory)) {
    const text = `${directory} cannot be given to ssh: use a state_dir of letters, digits and ._/+@- only`;
    throw new RackError('bad-argument', text);
  }
  const key = join(directory, 'id_ed25519');
  const knownHosts = join(directory, 'known_hosts');
  const connect = join(directory, 'connect');
  try {
    makeDirectories(directory, 0o700);
    if (!existsSync(key)) await makeKey(directory, key, clock);
    chmodSync(key, 0o600);
    writeConnect(connect, key, knownHosts);
  } catch (cause) {
    if (cause instanceof RackError) throw cause;
    if (cause instanceof UnfitFile) {
      throw new RackError('store-unwritable', `${connect} is not used: ${cause.message}; move it away`, { cause });
    }
    const why = osErrorCode(cause) ?? errorText(cause);
    const text = `${directory} cannot be written (${why}): ${ownershipRemedy(directory, stateDir)}`;
    throw new RackError('store-unwritable', text, { cause });
  }
  return { key, connect, knownHosts };
}

/** The public part of the key: one line of an authorized_keys file. @throws RackError `tool-missing`, `tool-failed` */
export async function readPublicKey({ key }: SshIdentity, clock: Clock): Promise<string> {
  return (await keygen(['-y', '-P', '', '-f', key], clock)).trim();
}

async function makeKey(directory: string, key: string, clock: Clock): Promise<void> {
  const workshop = mkdtempSync(join(directory, 'new-'));
  try {
    const made = join(workshop, 'key');
    await keygen(['-q', '-t', 'ed25519', '-N', '', '-C', `rackboot@${hostname()}`, '-f', made], clock);
    const file = openRegularFile(made, 'read');
    fsyncSync(file);
    closeSync(file);
    linkSync(made, key);
  } catch (error) {
    // Another process was faster: use its key.
    if (osErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

async function keygen(args: readonly string[], clock: Clock): Promise<string> {
  const { signal } = new AbortController();
  const end = await runProgram('ssh-keygen', args, { clock, signal, timeMs: KEYGEN_MS_MAX });
  if (end.kind === 'missing') {
    throw new RackError('tool-missing', missingText('ssh-keygen'));
  }
  if (end.kind === 'ended' && end.code === 0) return end.out;
  const said = end.kind === 'not-started' ? end.text : cleanWords(end.err) || 'it did not end in time';
  throw new RackError('tool-failed', `ssh-keygen failed: ${said}`);
}

/** Writes the script, unless it is up to date. */
function writeConnect(path: string, key: string, knownHosts: string): void {
  const options = [
    ...['-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'],
    ...['-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'GlobalKnownHostsFile=none'],
    ...['-o', 'StrictHostKeyChecking=accept-new', '-o', 'HashKnownHosts=no', '-o', 'UpdateHostKeys=no'],
    ...['-o', 'BatchMode=yes', '-o', 'PreferredAuthentications=publickey'],
    ...['-o', `ConnectTimeout=${CONNECT_SECONDS}`, '-o', 'ConnectionAttempts=1'],
    ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3'],
    ...['-o', 'ForwardAgent=no', '-o', 'ForwardX11=no', '-o', 'ClearAllForwardings=yes', '-o', 'LogLevel=ERROR'],
  ];
  const text = `#!/bin/sh\n# How Rackboot reaches a hypervisor; Rackboot restores this file if it changes.\nexec ssh ${options.join(' ')} "$@"\n`;
  if (existsSync(path) && readRegularFile(path, CONNECT_BYTES_MAX) === text) return;
  const workshop = mkdtempSync(`${path}-`);
  const part = join(workshop, 'connect');
  writeRegularFile(part, text, 0o700);
  renameSync(part, path);
  rmSync(workshop, { recursive: true, force: true });
}
