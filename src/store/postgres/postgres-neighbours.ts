// Notifies other processes on the same PostgreSQL of changes, by NOTIFY. Each process has a
// connection for it.
//
//   connecting ──LISTEN──▶ listening ──lost──▶ pause ──▶ connecting
//   tell ──▶ pg_notify ──▶ `onChange` of the other processes
//
// Sources: postgresql.org/docs/15/sql-notify.html; node-postgres.com/apis/client.
//
// 1. Hints may be lost; every process also polls.
// 2. A hint follows its transaction: the server commits only one with a NOTIFY at a time.
// 3. A hint does not wait for a synchronous standby: it changes no data, and other hints would wait
//    behind it.
// 4. One hint is sent at a time, for all requested meanwhile.

import type pg from 'pg';
import { newUuid, systemClock, type Timer } from '../../ground/clock.ts';
import type { StoreNeighbours } from '../../region/records/store-state.ts';
import { LatestRun } from '../../region/shares/latest-run.ts';
import { createPoolConfig, endConnection, PostgresClient, type PostgresPlace } from './postgres-place.ts';
import type { PostgresWatch } from './postgres-watch.ts';

const CHANNEL = 'rackboot_changed';
const MESSAGE_CHANNEL = 'rackboot_said';
/** The server takes less than 8000 octets. */
const MESSAGE_BYTES_MAX = 7999;
/** The pause before a lost connection is opened again, in milliseconds. */
const RECONNECT_MS = 1000;

export class PostgresNeighbours implements StoreNeighbours {
  readonly #place: PostgresPlace;
  readonly #id = newUuid();
  #onChange: () => void = () => undefined;
  #onMessage: (text: string) => void = () => undefined;
  /** The connection, once it listens. */
  #client: pg.Client | undefined;
  #reconnectTimer: Timer | undefined;
  readonly #hintRun = new LatestRun(() => this.#sendHint());
  #isClosed = false;

  constructor(place: PostgresPlace, watch: PostgresWatch) {
    this.#place = place;
    // After a network outage, a dead connection can look open.
    watch.onSilent(() => this.#dropConnection());
  }

  listen(onChange: () => void): void {
    this.#onChange = onChange;
    void this.#connect();
  }

  announce(): void {
    void this.#hintRun.run();
  }

  say(text: string): void {
    const client = this.#client;
    if (client === undefined || Buffer.byteLength(text) > MESSAGE_BYTES_MAX) return;
    client.query('SELECT pg_notify($1, $2)', [MESSAGE_CHANNEL, text]).catch(() => endConnection(client));
  }

  hear(onMessage: (text: string) => void): void {
    this.#onMessage = onMessage;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reconnectTimer?.cancel();
    if (this.#client !== undefined) await endConnection(this.#client);
  }

  async #sendHint(): Promise<void> {
    const client = this.#client;
    await client?.query('SELECT pg_notify($1, $2)', [CHANNEL, this.#id]).catch(() => endConnection(client));
  }

  async #connect(): Promise<void> {
    const client = new PostgresClient(createPoolConfig(this.#place));
    client.on('notification', ({ channel, payload }) => {
      if (channel === MESSAGE_CHANNEL) this.#onMessage(payload ?? '');
      else if (payload !== this.#id) this.#onChange();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}; LISTEN ${MESSAGE_CHANNEL}; SET synchronous_commit = local`);
    } catch {
      await endConnection(client);
      this.#scheduleConnect();
      return;
    }
    if (this.#isClosed) {
      await endConnection(client);
      return;
    }
    this.#client = client;
    client.once('end', () => {
      if (this.#client === client) this.#dropConnection();
    });
    // A hint may have been missed before the connection listened.
    this.#onChange();
  }

  #dropConnection(): void {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    void endConnection(client);
    this.#scheduleConnect();
  }

  #scheduleConnect(): void {
    if (!this.#isClosed) this.#reconnectTimer = systemClock.schedule(RECONNECT_MS, () => void this.#connect());
  }
}
