// Where a region's PostgreSQL is, the settings of every connection, and its end even if the server
// is gone: the driver waits for the server to close its side, which a lost host never does.
//
// Source: postgresql.org/docs/15/runtime-config-client.html (timeouts, isolation),
// /runtime-config-connection.html (keepalives), /libpq-connect.html (options: a space in a value is
// escaped). The settings with which a connection begins replace the defaults of its role, database
// and server.

import { getCACertificates } from 'node:tls';
import pg from 'pg';
import { systemClock } from '../../ground/clock.ts';

/** How long the server may take to close its side, in milliseconds. */
const END_MS_MAX = 1000;

/** Within END_MS_MAX. Never throws. */
export async function endConnection(client: pg.Client): Promise<void> {
  const endTimer = systemClock.schedule(END_MS_MAX, () => client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  endTimer.cancel();
}

/** The answers to at least two statements; the types of the driver show only one. */
export async function queryAll<R extends pg.QueryResultRow>(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<readonly pg.QueryResult<R>[]> {
  const results: unknown = await client.query(statements.join('; '));
  return Array.isArray(results) ? results : [];
}

/**
 * Closes the connection if the log-in fails: the driver leaves it open if the server asks for a
 * password and none is configured.
 */
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

/**
 * Timeouts in milliseconds. The server ends a late statement before the driver would, so that the
 * connection stays usable.
 */
const CONNECT_MS_MAX = 5000;
const STATEMENT_MS_MAX = 20_000;
export const LOCK_MS_MAX = 5000;
/** A hanging process blocks the duties and events of all others for at most this long. */
const IDLE_IN_TRANSACTION_MS_MAX = 5000;
const QUERY_MS_MAX = 25_000;
/** The server notices a lost host after a minute, not two hours. */
const KEEP_ALIVE = '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3';

/** Shared counts, and the simultaneous start of processes, need it. */
const ISOLATION = String.raw`-c default_transaction_isolation=read\ committed`;
/** The connection that listens may be idle; changes of other processes would be heard late. */
const NO_IDLE_TIMEOUT = '-c idle_session_timeout=0';

export interface PostgresPlace {
  /** `postgresql://user@host:port/database?sslmode=…`, without a password. */
  readonly url: string;
  /** Read for each new connection. @throws StoreOutage */
  readonly password?: (() => string) | undefined;
  /** The authority of the server's certificate, in PEM; `undefined` if any known one will do. */
  readonly ca?: (() => string) | undefined;
  readonly pool: number;
}

/** TLS with a checked certificate, unless the database is here or the URL says otherwise. */
export function createPoolConfig({ url, password, ca }: PostgresPlace): pg.PoolConfig {
  const parsedUrl = new URL(url);
  const tlsMode = parsedUrl.searchParams.get('sslmode');
  parsedUrl.searchParams.delete('sslmode');
  const host = parseUrlHost(parsedUrl);
  const isPlain = tlsMode === 'disable' || (tlsMode === null && ca === undefined && isOwnHost(host));
  // The driver does not pass an address on to TLS.
  const authorities = ca === undefined && !isPlain ? listKnownAuthorities() : undefined;
  // The driver copies these for each connection, and so reads `ca` again.
  const ssl = isPlain
    ? false
    : {
        host,
        rejectUnauthorized: true,
        get ca() {
          return authorities ?? ca?.();
        },
      };
  return {
    // The driver reads host, user and database from this text alone.
    connectionString: parsedUrl.href,
    ...(password === undefined ? {} : { password }),
    ssl,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    lock_timeout: LOCK_MS_MAX,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    query_timeout: QUERY_MS_MAX,
    keepAlive: true,
    options: `${KEEP_ALIVE} ${ISOLATION} ${NO_IDLE_TIMEOUT}`,
    application_name: 'rackboot',
  };
}

/** By default Node leaves out the authorities of this host. */
const listKnownAuthorities = (): string[] => [...getCACertificates('system'), ...getCACertificates('default')];

/** The option `host` comes before a host in the URL. */
const parseUrlHost = (url: URL): string =>
  url.searchParams.get('host') || decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '');

/**
 * True for this host, also for the directory of a Unix-domain socket
 * (`postgresql:///database?host=/run/postgresql`).
 */
const isOwnHost = (host: string): boolean => /^(?:\/.*|localhost|127\.[\d.]+|::1)$/.test(host);
