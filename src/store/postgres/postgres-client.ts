// A connection to PostgreSQL, and its end, even if the server is gone: the driver waits for the server to close its
// side, which a lost host never does.

import pg from 'pg';
import { systemClock } from '../../clock.ts';

/** How long the server may take to close its side, in milliseconds. */
const END_MS_MAX = 1000;

/** Within END_MS_MAX. Never throws. */
export async function endConnection(client: pg.Client): Promise<void> {
  const late = systemClock.schedule(END_MS_MAX, () => client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  late.cancel();
}

/** To at least two statements; the types of the driver show only one. */
export async function answersTo<R extends pg.QueryResultRow>(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<readonly pg.QueryResult<R>[]> {
  const answers: unknown = await client.query(statements.join('; '));
  return Array.isArray(answers) ? answers : [];
}

/** Ends if its log-in fails: the driver leaves a connection open if the server asks for a password and none is configured. */
export class PostgresClient extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super(config);
    // The driver prefers the password of a URL, even if the URL has none.
    const { password } = config;
    if (password !== undefined) Object.defineProperty(this, 'password', { value: password, writable: true });
    // Errors between queries reach the next query.
    this.on('error', () => undefined);
    this.connection.on('error', () => this.connection.stream.destroy());
  }
}
