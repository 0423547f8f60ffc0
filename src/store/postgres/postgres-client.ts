// A connection to PostgreSQL, and its end, even if the server is gone. The driver waits for the server to close its side, which a lost host
// never does.

import pg from 'pg';
import { systemClock } from '../../clock.ts';
import { StoreOutage } from '../../region/words/outage.ts';
import { MessageBound } from './message-bound.ts';

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

/** True if the bytes from the server did not begin a message of PostgreSQL. */
export const isNoMessage = (error: unknown): boolean => error instanceof Error && error.message.startsWith(NO_MESSAGE);

/**
 * A connection, which ends if its log-in fails, or if a message is too large. The driver leaves a connection open if the server asks for a
 * password and none is configured.
 */
export class PostgresClient extends pg.Client {
  #isLoggedIn = false;

  constructor(config: pg.ClientConfig = {}) {
    super(config);
    // The driver prefers the password of a URL, even if the URL has none.
    const { password } = config;
    if (password !== undefined) Object.defineProperty(this, 'password', { value: password, writable: true });
    this.connection.on('error', () => this.connection.stream.destroy());
    // The driver would read the bytes after it as further messages.
    this.connection.on('errorMessage', (error: Error) => {
      if (isNoMessage(error)) this.connection.stream.destroy(error);
    });
    this.once('connect', () => {
      this.#isLoggedIn = true;
    });
    // With TLS, the first stream has no messages.
    this.connection.once(this.ssl ? 'sslconnect' : 'connect', () => this.#bound());
  }

  /** Looks at the bytes before the driver does. */
  #bound(): void {
    const { stream } = this.connection;
    const bound = new MessageBound();
    stream.prependListener('data', (bytes: Uint8Array) => {
      if (!bound.exceeds(bytes)) return;
      // Before the log-in, PostgreSQL sends no long message.
      const tooLarge = new StoreOutage({ note: 'database-unusable', fault: 'row-too-large', said: '' });
      stream.destroy(this.#isLoggedIn ? tooLarge : new Error(NO_MESSAGE));
    });
  }
}
