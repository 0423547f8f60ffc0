// Ends a connection to PostgreSQL, also one whose server is gone. The driver waits for the server to close its side, which a lost host never does.

import type pg from 'pg';
import { systemClock } from '../../clock.ts';

/** How long the server may take to close its side, in milliseconds. Then the connection is dropped. */
const END_MS_MAX = 1000;

/** Ends a connection within END_MS_MAX. Never throws. */
export async function endConnection(client: pg.Client): Promise<void> {
  const late = systemClock.schedule(END_MS_MAX, () => client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  late.cancel();
}
