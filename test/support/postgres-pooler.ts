// Stands between a PostgreSQL server and its clients as a pooler of connections does that gives each transaction any connection of the server.
//
//   refuses    refuses a connection that asks for settings, as pgbouncer does
//   ignores    keeps a setting to itself, as pgbouncer does with `ignore_startup_parameters`
//   switches   has two connections of the server for each client, and uses the other one after each transaction
//
// Sources: postgresql.org/docs/15/protocol-message-formats.html; pgbouncer.org/config.html.

import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresPlace } from '../../src/store/postgres/postgres-place.ts';

export type Pooling = 'refuses' | 'ignores' | 'switches';

const SOCKET = '.s.PGSQL.5432';
const SETTING = 'lock_timeout';
/** Octets of a message's type and length, and of a length alone. */
const HEADER = 5;
const LENGTH = 4;
const READY = 'Z'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);

/** ErrorResponse. */
function refusal(text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${text}\0\0`);
  const header = Buffer.alloc(HEADER);
  header.write('E');
  header.writeUInt32BE(fields.length + LENGTH, 1);
  return Buffer.concat([header, fields]);
}

/** A StartupMessage without SETTING. */
function withoutSetting(startup: Buffer): Buffer {
  const text = startup.toString('latin1').replace(new RegExp(`${SETTING}\\0[^\\0]*\\0`), '');
  const bytes = Buffer.from(text, 'latin1');
  bytes.writeUInt32BE(bytes.length);
  return bytes;
}

/** The whole messages at the start of bytes. */
function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return messages;
}

export class PostgresPooler {
  readonly #directory = mkdtempSync(join(tmpdir(), 'rackboot-pooler-'));
  readonly #server: Server;
  readonly #target: string;
  readonly #pooling: Pooling;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string, pooling: Pooling) {
    this.#target = target;
    this.#pooling = pooling;
    this.#server = createServer((client) => this.#join(client));
  }

  /** @param directory of the server's socket */
  static async open(directory: string, pooling: Pooling): Promise<PostgresPooler> {
    const pooler = new PostgresPooler(join(directory, SOCKET), pooling);
    await new Promise<void>((resolve) => pooler.#server.listen(join(pooler.#directory, SOCKET), resolve));
    return pooler;
  }

  /** The same database, by way of the pooler. */
  placeOf({ url, ...rest }: PostgresPlace): PostgresPlace {
    return { ...rest, url: url.replace(/host=[^&]*/, `host=${encodeURIComponent(this.#directory)}`) };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #join(client: Socket): void {
    this.#keep(client);
    client.once('data', (startup) => {
      if (this.#pooling === 'refuses') {
        client.end(refusal(`unsupported startup parameter: ${SETTING}`));
        return;
      }
      const servers = Array.from({ length: this.#pooling === 'switches' ? 2 : 1 }, () => {
        const server = createConnection(this.#target);
        this.#keep(server);
        server.write(this.#pooling === 'ignores' ? withoutSetting(startup) : startup);
        client.on('close', () => server.destroy());
        server.on('close', () => client.destroy());
        return server;
      });
      this.#serve(client, servers);
    });
  }

  /** Passes everything on between a client and the current one of its servers. */
  #serve(client: Socket, servers: Socket[]): void {
    let current = 0;
    client.on('data', (data) => servers[current]?.write(data));
    for (const [index, server] of servers.entries()) {
      let isBegun = false;
      let rest: Buffer = Buffer.alloc(0);
      server.on('data', (data) => {
        const bytes = Buffer.concat([rest, data]);
        const messages = messagesOf(bytes);
        rest = bytes.subarray(Buffer.concat(messages).length);
        for (const message of messages) {
          // The client sees the log-in of the first only.
          if (isBegun || index === 0) client.write(message);
          const isOver = message[0] === READY && message[HEADER] === IDLE;
          if (isOver && isBegun) current = (current + 1) % servers.length;
          isBegun ||= isOver;
        }
      });
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
