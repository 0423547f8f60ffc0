// A connection to PostgreSQL, and its end, even if the server is gone. The driver waits for the server to close its side, which a lost host
// never does.

import pg from 'pg';
import { systemClock } from '../../clock.ts';
import { StoreOutage } from '../../region/words/outage.ts';
import { type MessageFault, ServerMessages } from './server-messages.ts';

/** How long the server may take to close its side, in milliseconds. Then the connection is dropped. */
const END_MS_MAX = 1000;

/** Ends a connection within END_MS_MAX. Never throws. */
export async function endConnection(client: pg.Client): Promise<void> {
  const late = systemClock.schedule(END_MS_MAX, () => client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  late.cancel();
}

/** The driver's error for bytes that do not begin a message of PostgreSQL (pg-protocol's parser.js). */
const NO_MESSAGE = 'received invalid response';
/** The code of a violated protocol, by which the connection counts as lost. */
const PROTOCOL_VIOLATION = '08P01';

/** True if the bytes from the server did not begin a message of PostgreSQL. */
export const isNoMessage = (error: unknown): boolean => error instanceof Error && error.message.startsWith(NO_MESSAGE);

/**
 * A connection, which ends if its log-in fails, or if a message is damaged or too large. The driver leaves a connection open if the server
 * asks for a password and none is configured.
 */
export class PostgresClient extends pg.Client {
  #isLoggedIn = false;

  constructor(config: pg.ClientConfig = {}) {
    super(config);
    // The driver prefers the password of a URL, even if the URL has none.
    const { password } = config;
    if (password !== undefined) Object.defineProperty(this, 'password', { value: password, writable: true });
    this.connection.on('error', () => this.connection.stream.destroy());
    this.once('connect', () => {
      this.#isLoggedIn = true;
    });
    // With TLS, the first stream has no messages.
    this.connection.once(this.ssl ? 'sslconnect' : 'connect', () => this.#checkMessages());
  }

  /** Gives the driver only bytes without a fault. */
  #checkMessages(): void {
    const { stream } = this.connection;
    const messages = new ServerMessages();
    const readers = stream.listeners('data');
    stream.removeAllListeners('data');
    stream.on('data', (bytes: Uint8Array) => {
      if (stream.destroyed) return;
      const fault = messages.faultIn(bytes);
      if (fault === undefined) for (const read of readers) Reflect.apply(read, stream, [bytes]);
      else stream.destroy(this.#errorOf(fault));
    });
  }

  /** Before the log-in, the server is another one: PostgreSQL sends no long message then. */
  #errorOf(fault: MessageFault): Error {
    if (!this.#isLoggedIn) return new Error(NO_MESSAGE);
    if (fault === 'too-large') return new StoreOutage({ note: 'database-unusable', fault: 'row-too-large', said: '' });
    return Object.assign(new Error('a message of the server is damaged'), { code: PROTOCOL_VIOLATION });
  }
}
