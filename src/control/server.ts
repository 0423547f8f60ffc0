// Opens the control socket, through which the command line on this host asks the running daemon.
// Sources: unix(7).
//
// 1. The socket's file has mode 0600. A stale file is removed only if no process answers on it.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describeSocketRefusal } from '../files/socket-refusal.ts';
import { systemClock } from '../ground/clock.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import { answerText } from '../http/answer.ts';
import { CONTROL_SOCKET } from '../http/config.ts';
import { type RegionEndpoint, RegionProxy } from '../http/proxy.ts';
import { sendText } from '../http/send.ts';
import { listen, makeServer } from '../http/server.ts';
import { type ControlAnswers, handleControl } from './requests.ts';

interface ControlServerDeps {
  /** The directory of the socket's file. It must exist. */
  readonly stateDir: string;
  /** Returns the current handlers. */
  readonly answers: () => ControlAnswers;
  /** The region's current endpoint. */
  readonly region: () => RegionEndpoint | undefined;
  /** The secret that proves to the region that the caller is an administrator of this host. */
  readonly secret: string;
  /** The URL of a region on another host. Undefined if the region is on this host. */
  readonly elsewhere?: string | undefined;
  /** The text for a path that is not in `answers`. If undefined, the text lists the paths that are. */
  readonly unknownPath?: string | undefined;
  /**
   * False while the process starts. Every request then gets 503, and the open socket prevents other
   * instances from starting. If undefined, it is always true.
   */
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

  /**
   * Opens the socket. @throws RackError `already-running` if another Rackboot answers there,
   * `store-unwritable`, `socket-refused`
   */
  async open(): Promise<void> {
    try {
      await this.#removeStale();
    } catch (cause) {
      throw describeSocketRefusal('the control socket', cause, this.#path, this.#deps.stateDir);
    }
    const proxy = new RegionProxy(request, systemClock);
    const server = makeServer((request, response) => {
      if (this.#deps.isServing?.() === false)
        sendText(
          response,
          request.method,
          answerText(503, 'Rackboot is starting: try again\n', { Connection: 'close' }),
        );
      else void handleControl({ ...this.#deps, answers: this.#deps.answers(), proxy }, request, response);
    });
    // The socket is bound within this call, so the mask applies only to its file.
    const previousMask = process.umask(0o177);
    const listening = listen(server, { path: this.#path });
    process.umask(previousMask);
    try {
      await listening;
      chmodSync(this.#path, 0o600);
    } catch (cause) {
      throw describeSocketRefusal('the control socket', cause, this.#path, this.#deps.stateDir);
    }
    // The client notices that it gets no answer. The process continues.
    server.on('error', () => undefined);
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      // This also removes the socket's file.
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #removeStale(): Promise<void> {
    const stats = lstatSync(this.#path, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (!stats.isSocket()) {
      throw new RackError('socket-refused', `${this.#path} is in the way of the control socket: move it away`);
    }
    const isAnswered = await new Promise<boolean>((resolve, reject) => {
      const probe = createConnection(this.#path);
      probe.on('connect', () => {
        probe.destroy();
        resolve(true);
      });
      // Only a refused connection proves that the socket is free. If permission to connect is
      // missing, the socket may be in use, and its file belongs to another user.
      probe.on('error', (error) => {
        const code = osErrorCode(error);
        if (code === 'EACCES' || code === 'EPERM') reject(error);
        else resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
      });
    });
    if (isAnswered) {
      throw new RackError(
        'already-running',
        `another Rackboot answers at ${this.#path}: stop it, or give this one a state_dir of its own`,
      );
    }
    unlinkSync(this.#path);
  }
}
