// A lock that allows only one Rackboot of a kind at a time; the kernel releases it however the process ends. It is a Unix socket in Linux's
// abstract namespace, or elsewhere in the directory for temporary files. Source: unix(7).
//
// 1. The lock needs no privilege, and on Linux leaves nothing behind. It works within one network namespace; beyond that a
//    daemon locks its state directory (`directory-lock.ts`).
// 2. A process that connects gets the holder's process number and is disconnected; the holder reads nothing.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { osErrorCode, RackError } from '../errors.ts';

/** The longest key in a socket name, which has 108 bytes including our prefix; a longer key is replaced by its hash. */
const KEY_BYTES_MAX = 64;
/** How long a holder may take to send its process number, in milliseconds, and how much of its answer is read, in bytes. */
const HOLDER_ANSWER_MS = 500;
const HOLDER_ANSWER_BYTES_MAX = 16;

/** A lock held until `release`. */
export interface InstanceLock {
  release(): Promise<void>;
}

/**
 * Takes the lock named `key`. Rejects with RackError `already-running` if another process holds it, and names that process if
 * it answers. `platform` is for tests.
 */
export async function acquireInstanceLock(key: string, platform: string = process.platform): Promise<InstanceLock> {
  const path = lockPath(key, platform);
  const server = createServer((peer) => {
    peer.on('error', () => peer.destroy());
    peer.end(`${process.pid}\n`, () => peer.destroy());
  });
  try {
    await listen(server, path);
  } catch (error) {
    if (osErrorCode(error) !== 'EADDRINUSE') throw error;
    const holder = await askHolder(path);
    // Only a socket in a directory can outlive its process: then no process answers.
    if (holder !== 'nobody' || platform === 'linux') throw alreadyRunning(key, holder, error);
    rmSync(path, { force: true });
    await listen(server, path);
  }
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

function lockPath(key: string, platform: string): string {
  const short = Buffer.byteLength(key) <= KEY_BYTES_MAX && !key.includes('/') && !key.includes('\0');
  const name = `rackboot-${short ? key : createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
  return platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.lock`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The number of the process that listens at `path`; `nobody` if none does. */
function askHolder(path: string): Promise<number | 'nobody' | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    const finish = (holder: number | 'nobody' | undefined): void => {
      late.cancel();
      socket.destroy();
      resolve(holder);
    };
    const read = (): void => finish(/^\d+\n/.test(answer) ? Number.parseInt(answer, 10) : undefined);
    const late = systemClock.schedule(HOLDER_ANSWER_MS, () => finish(undefined));
    socket.on('error', (error) => finish(osErrorCode(error) === 'ECONNREFUSED' ? 'nobody' : undefined));
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
      if (answer.includes('\n') || answer.length > HOLDER_ANSWER_BYTES_MAX) read();
    });
    socket.on('end', read);
  });
}

function alreadyRunning(key: string, holder: number | 'nobody' | undefined, cause: unknown): RackError {
  const who = typeof holder === 'number' ? `process ${holder}` : 'another process';
  return new RackError(
    'already-running',
    `Rackboot already runs here for ${key} (${who}); stop it first, or give this one a state directory of its own`,
    { cause },
  );
}
