// Opens the control socket, through which the command line on this host asks the running daemon. Sources: unix(7).
//
// 1. The socket's file has mode 0600, and a stale one is removed only if no process answers on it.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { ownershipRemedy } from '../../files/ownership.ts';
import { answerText } from '../answer.ts';
import { CONTROL_SOCKET } from '../config.ts';
import { type RegionEndpoint, RegionProxy } from '../proxy.ts';
import { sendText } from '../send.ts';
import { listen, makeServer } from '../server.ts';
import { type ControlAnswers, handleControl } from './requests.ts';

const ELSEWHERE = 'or set state_dir to another one';
const makeRoom = (): string => `make room there, ${ELSEWHERE} on another file system`;
const giveAway = (path: string, stateDir: string): string => `${ownershipRemedy(path, stateDir)}; ${ELSEWHERE}`;

/** The remedy when the system refuses to create the socket's file, by error code. */
const SOCKET_REMEDIES: ReadonlyMap<string, (path: string, stateDir: string) => string> = new Map([
  ['EACCES', giveAway],
  ['EPERM', giveAway],
  ['EROFS', () => `the file system is read-only: mount it writable (mount -o remount,rw), ${ELSEWHERE}`],
  ['ENOSPC', makeRoom],
  ['EDQUOT', makeRoom],
]);

export interface ControlServerDeps {
  /** The directory of the socket's file; must exist. */
  readonly stateDir: string;
  readonly answers: ControlAnswers;
  /** The region's current endpoint. */
  readonly region: () => RegionEndpoint | undefined;
  /** The secret that proves to the region that the caller is an administrator of this host. */
  readonly secret: string;
  /** The URL of a region on another host; `undefined` if it is on this host. */
  readonly elsewhere?: string | undefined;
  /** False while the process starts: every request gets 503, and the open socket keeps other instances out. `undefined`: always true. */
  readonly isServing?: (() => boolean) | undefined;
}

/** Answers the command line on this host, over a socket that only its user and root can open. */
export class ControlServer {
  readonly #deps: ControlServerDeps;
  readonly #path: string;
  #server: Server | undefined;

  constructor(deps: ControlServerDeps) {
    this.#deps = deps;
    this.#path = join(deps.stateDir, CONTROL_SOCKET);
  }

  /** @throws RackError `already-running` if another Rackboot answers there, `store-unwritable`, `socket-refused` */
  async open(): Promise<void> {
    try {
      await this.#removeStale();
    } catch (cause) {
      throw this.#cannotCreate(cause);
    }
    const proxy = new RegionProxy(process.getBuiltinModule('node:http').request, systemClock);
    const server = makeServer((request, response) => {
      if (this.#deps.isServing?.() === false)
        sendText(
          response,
          request.method,
          answerText(503, 'Rackboot is starting: try again\n', { Connection: 'close' }),
        );
      else void handleControl({ ...this.#deps, proxy }, request, response);
    });
    // The socket is bound within this call, so the mask applies to its file only.
    const mask = process.umask(0o177);
    const bound = listen(server, { path: this.#path });
    process.umask(mask);
    try {
      await bound;
      chmodSync(this.#path, 0o600);
    } catch (cause) {
      throw this.#cannotCreate(cause);
    }
    // The client sees that it gets no answer; the process goes on.
    server.on('error', () => undefined);
    this.#server = server;
  }

  /** Explains why the socket could not be created, with the remedy; an error that already has a code keeps it. */
  #cannotCreate(cause: unknown): RackError {
    if (cause instanceof RackError) return cause;
    const code = osErrorCode(cause);
    const { stateDir } = this.#deps;
    const remedy = SOCKET_REMEDIES.get(code ?? '')?.(this.#path, stateDir);
    const text = `the control socket ${this.#path} cannot be created: ${code ?? errorText(cause)}; ${remedy ?? 'keep its path below 90 characters'}`;
    const name = remedy === undefined ? 'socket-refused' : 'store-unwritable';
    return new RackError(name, text, { cause });
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      // Removes the socket's file, too.
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #removeStale(): Promise<void> {
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) {
      throw new RackError('socket-refused', `${this.#path} is in the way of the control socket: move it away`);
    }
    const answered = await new Promise<boolean>((resolve, reject) => {
      const probe = createConnection(this.#path);
      probe.on('connect', () => {
        probe.destroy();
        resolve(true);
      });
      // Only a refused connection proves that the socket is free. If permission to connect is missing, the socket may be in use, and its file
      // belongs to another user.
      probe.on('error', (error) => {
        const code = osErrorCode(error);
        if (code === 'EACCES' || code === 'EPERM') reject(error);
        else resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
      });
    });
    if (answered) {
      throw new RackError(
        'already-running',
        `another Rackboot answers at ${this.#path}: stop it, or give this one a state_dir of its own`,
      );
    }
    unlinkSync(this.#path);
  }
}
