// Stands between a PostgreSQL server and its clients, and cuts a connection at its next COMMIT.
//
//   before   the server never gets it
//   after    the server stores it, its answer is lost
//   late     the client is cut off at once; the server gets it once `hold` is over
//
// It can drop everything, as a network does whose other end is lost: those connections stay open and never bring anything again.

import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresPlace } from '../../src/store/postgres/postgres-place.ts';

export type Cut = 'before' | 'after' | 'late';

const SOCKET = '.s.PGSQL.5432';
/** A COMMIT of a transaction that wrote something. */
const STORING = /commit_mark[^\0]*; COMMIT/;

export class PostgresCutter {
  readonly #directory = mkdtempSync(join(tmpdir(), 'rackboot-cutter-'));
  readonly #server: Server;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #cut: Cut | undefined;
  #isSilent = false;
  readonly #silent = new WeakSet<Socket>();
  /** Ends the holding of a late COMMIT. */
  #held: PromiseWithResolvers<void> = Promise.withResolvers();
  cuts = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
  }

  /** @param directory of the server's socket */
  static async open(directory: string): Promise<PostgresCutter> {
    const cutter = new PostgresCutter(join(directory, SOCKET));
    await new Promise<void>((resolve) => cutter.#server.listen(join(cutter.#directory, SOCKET), resolve));
    return cutter;
  }

  /** The same database, by way of the cutter. */
  placeOf({ url, ...rest }: PostgresPlace): PostgresPlace {
    return { ...rest, url: url.replace(/host=[^&]*/, `host=${encodeURIComponent(this.#directory)}`) };
  }

  /** Cuts at the next COMMIT that stores something. */
  cutNext(cut: Cut): void {
    this.#cut = cut;
    this.#held = Promise.withResolvers();
  }

  /** Sends the server the COMMIT that is held. */
  release(): void {
    this.#held.resolve();
  }

  /** Drops everything from now on, on present and on new connections. */
  silence(): void {
    this.#isSilent = true;
    for (const socket of this.#sockets) this.#silent.add(socket);
  }

  /** Lets new connections reach the server again. */
  speak(): void {
    this.#isSilent = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #join(client: Socket): void {
    if (this.#isSilent) {
      this.#sockets.add(client);
      client.on('error', () => undefined);
      client.resume();
      return;
    }
    const server = createConnection(this.#target);
    let cut: Cut | undefined;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        if (cut !== 'late') other.destroy();
      });
    }
    client.on('end', () => {
      if (!this.#silent.has(client)) client.end();
    });
    client.on('data', (data) => {
      if (this.#silent.has(client)) return;
      if (this.#cut !== undefined && STORING.test(data.toString('latin1'))) {
        cut = this.#cut;
        this.#cut = undefined;
        this.cuts += 1;
      }
      if (cut === undefined || cut === 'after') server.write(data);
      if (cut === 'before' || cut === 'late') client.destroy();
      if (cut === 'late') void this.#held.promise.then(() => server.write(data));
    });
    server.on('data', (data) => {
      if (this.#silent.has(client)) return;
      if (cut === 'after') client.destroy();
      else client.write(data);
    });
  }
}
