// Only one Rackboot of a kind at a time: a lock that the kernel gives back whatever way the process ends. A Unix socket in the
// abstract namespace of Linux, elsewhere one in the directory for temporary files. Source: unix(7).
//
// 1. The lock needs no privilege and leaves nothing behind on Linux; it holds within one network namespace. Beyond it a
//    daemon holds its state directory itself (`directory-lock.ts`).
// 2. Whoever connects is told the holder's process number and hung up on; nothing is read from anybody.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { osErrorCode, RackError } from '../errors.ts';

/** A socket's name has 108 bytes, with ours in front: a longer key is replaced by its hash. */
const KEY_BYTES_MAX = 64;
/** How long a holder may take to say its process number, in milliseconds, and how much of its answer is read, in bytes. */
const HOLDER_ANSWER_MS = 500;
const HOLDER_ANSWER_BYTES_MAX = 16;

/** A lock that is held until `release`. */
export interface InstanceLock {
  release(): Promise<void>;
}

/**
 * Takes the lock named `key`. Rejects with RackError `already-running` when another process has it, naming that process where
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
    // Only a socket in a directory outlives its process: nobody answers there.
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

/** The process number of whoever listens at `path`; `nobody` when nobody does. */
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
