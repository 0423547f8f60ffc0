// A region names the reason when its PostgreSQL cannot be used. When the database comes back, nothing acknowledged is lost or done twice.
// Full disks of the database are in the long suite.
// @host waits, 60 s
// @disk

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { sleep } from '../../../src/ground/clock.ts';
import { errorText, RackError } from '../../../src/ground/errors.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { isConnectionLost } from '../../../src/store/postgres/postgres-faults.ts';
import { createPoolConfig, type PostgresPlace } from '../../../src/store/postgres/postgres-place.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { NOBODY } from '../../support/another-user.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { addLargeUser } from '../../support/large-user.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';

/** An account that needs a password, and one that may do nothing. */
const SECRET = 'right';
const ACCOUNTS = `CREATE ROLE guarded LOGIN PASSWORD '${SECRET}'; CREATE ROLE poor LOGIN`;
/** How long 50 changes may take, even on a slow disk and after a recovery. */
const WRITTEN_MS_MAX = 60_000;
const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' };

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

test('an error of the system or of its resolver is a lost connection, and an error of Node is not', () => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'EACCES', '57P01'])
    assert.equal(isConnectionLost(withCode(code)), true, code);
  for (const code of ['ERR_INVALID_ARG_TYPE', '42P01']) assert.equal(isConnectionLost(withCode(code)), false, code);
});

let server: PostgresServer;
/** Certificates: of the server, signed by `ca`, and of a stranger. */
let certificates: string;
let port: number;

function makeCertificates(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-certificates-'));
  const openssl = (...words: string[]): void =>
    void execFileSync('openssl', words, { cwd: directory, stdio: ['ignore', 'ignore', 'ignore'] });
  const name = [
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=Test',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  for (const file of ['ca', 'stranger'])
    openssl('req', '-x509', ...name, '-keyout', `${file}.key`, '-out', `${file}.crt`);
  chmodSync(directory, 0o755);
  if (process.getuid?.() === 0)
    for (const file of ['ca.key', 'ca.crt']) chownSync(join(directory, file), NOBODY, NOBODY);
  return directory;
}

describe('a PostgreSQL that cannot be used', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    certificates = makeCertificates();
    port = await freePort();
    server = await PostgresServer.start({
      settings: [
        "listen_addresses = '127.0.0.1'",
        'ssl = on',
        `ssl_cert_file = '${join(certificates, 'ca.crt')}'`,
        `ssl_key_file = '${join(certificates, 'ca.key')}'`,
      ],
      port,
      access: ['local all guarded scram-sha-256', 'local forbidden all reject'],
    });
    await server.query(ACCOUNTS);
  });
  after(async () => {
    await server.close();
    rmSync(certificates, { recursive: true, force: true });
  });

  async function refusalOf(place: PostgresPlace): Promise<string> {
    try {
      await (await openPostgresRegion(place)).close();
    } catch (error) {
      assert.ok(error instanceof RackError, String(error));
      return `${error.code}: ${error.message}`;
    }
    return 'opened';
  }

  /** Makes a database with the region's tables, and changes it. */
  async function madeWith(...sql: string[]): Promise<string> {
    const name = await server.makeDatabase();
    await (await openPostgresRegion(server.placeOf(name))).close();
    for (const statement of sql) await server.query(statement.replaceAll('$name', name), name);
    return name;
  }

  const as = (account: string, place: PostgresPlace): PostgresPlace => ({
    ...place,
    url: place.url.replace('user=rackboot', `user=${account}`),
  });

  type Fault = readonly [what: string, place: () => PostgresPlace | Promise<PostgresPlace>, says: RegExp];
  const FAULTS: readonly Fault[] = [
    [
      'no server',
      () => ({ url: 'postgresql:///x?host=/nonexistent', pool: 1 }),
      /^store-unavailable: .*ENOENT.*: .*region\.store\.url$/,
    ],
    [
      'a wrong password',
      () => ({ ...as('guarded', server.placeOf('postgres')), password: () => 'wrong' }),
      /^store-refused: .*the password is wrong: write .* file region\.store\.password_file$/,
    ],
    [
      'no such database',
      () => server.placeOf('nowhere'),
      /^store-refused: .*"nowhere" does not exist.*: create the database with createdb/,
    ],
    [
      'a name that the rules of the server let nobody use',
      () => server.placeOf('forbidden'),
      /^store-refused: .*pg_hba\.conf rejects .*\): .*region\.store\.url$/,
    ],
    [
      'an account without rights',
      async () => as('poor', server.placeOf(await server.makeDatabase())),
      /^store-refused: .*permission denied.*: .*owner of the database$/,
    ],
    [
      'a database without a schema',
      async () => {
        const name = await server.makeDatabase();
        await server.query('DROP SCHEMA public', name);
        return server.placeOf(name);
      },
      /^store-broken: .* CREATE SCHEMA, .*search_path/,
    ],
    ...(['LATIN1', 'SQL_ASCII'] as const).map(
      (encoding) =>
        [
          `one with the encoding ${encoding}`,
          async () => {
            await server.query(`CREATE DATABASE ${encoding} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
            return server.placeOf(encoding.toLowerCase());
          },
          new RegExp(
            `^store-refused: .*database ${encoding.toLowerCase()} has the encoding ${encoding},.*CREATE DATABASE … ENCODING 'UTF8'[^\n]*$`,
          ),
        ] as const,
    ),
    [
      'a database of a newer Rackboot',
      async () => server.placeOf(await madeWith('UPDATE rackboot SET version = 99')),
      /^store-newer: .*version 99, which a newer Rackboot made.*: install the newer one$/,
    ],
    [
      'closed to connections',
      async () => {
        const name = await server.makeDatabase();
        await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
        return server.placeOf(name);
      },
      /^store-unavailable: .*not currently accepting connections.*: .*ALLOW_CONNECTIONS/,
    ],
    [
      'set to read only',
      async () => server.placeOf(await madeWith('ALTER DATABASE $name SET default_transaction_read_only = on')),
      /^store-unavailable: .*default_transaction_read_only is on; turn it off$/,
    ],
    [
      'a certificate that the given authority did not sign',
      () => ({ url: tcp('127.0.0.1'), ca: () => read('stranger.crt'), pool: 1 }),
      /^store-refused: .*cannot be trusted.*: .*region\.store\.ca_file/,
    ],
    [
      'a certificate of another name',
      () => ({ url: tcp('localhost'), ca: () => read('ca.crt'), pool: 1 }),
      /^store-refused: .*cannot be trusted.*: .*region\.store\.ca_file/,
    ],
  ];

  const tcp = (host: string, database = 'postgres'): string => `postgresql://rackboot@${host}:${port}/${database}`;
  const read = (file: string): string => readFileSync(join(certificates, file), 'utf8');

  for (const [what, place, says] of FAULTS) {
    test(`a region whose database is ${what} says what to do`, async () => {
      assert.match(await refusalOf(await place()), says);
    });
  }

  test('each connection reads the authority again', async () => {
    const certificate = { file: 'stranger.crt' };
    const place = { url: tcp('127.0.0.1'), ca: () => read(certificate.file), pool: 1 };
    const connection = createPoolConfig(place);
    const reached = async (): Promise<string> => {
      const client = new pg.Client(connection);
      client.on('error', () => undefined);
      const answer = await client.connect().then(
        () => 'trusted',
        (error: unknown) => errorText(error),
      );
      await client.end().catch(() => undefined);
      return answer;
    };
    assert.match(await reached(), /certificate/);
    certificate.file = 'ca.crt';
    assert.doesNotMatch(await reached(), /certificate/);
  });

  test('the right password and the right certificate open it', async () => {
    const name = await server.makeDatabase();
    await server.query(`ALTER DATABASE ${name} OWNER TO guarded`);
    assert.equal(await refusalOf({ ...as('guarded', server.placeOf(name)), password: () => SECRET }), 'opened');
    const other = await server.makeDatabase();
    const url = tcp('127.0.0.1').replace('/postgres', `/${other}`).replace('postgresql:/', 'postgresql://');
    assert.equal(
      await refusalOf({ url: url.replace('postgresql:///', 'postgresql://'), ca: () => read('ca.crt'), pool: 1 }),
      'opened',
    );
  });

  test('a store whose connections are all in use says so', async () => {
    const name = await server.makeDatabase();
    const store = await openPostgresRegion({ ...server.placeOf(name), pool: 1 });
    const held = Promise.withResolvers<void>();
    const holder = store.transact(async () => {
      // The database ends a transaction in which nothing happens.
      const isOver = (): Promise<boolean> =>
        Promise.race([held.promise.then(() => true), sleep(500).then(() => false)]);
      do await store.accounts.listUsers();
      while (!(await isOver()));
    });
    await assert.rejects(store.accounts.listUsers(), {
      code: 'store-unavailable',
      message: /all connections of region\.store\.pool are in use/,
    });
    held.resolve();
    await holder;
    assert.deepEqual(await store.accounts.listUsers(), []);
    await store.close();
  });

  test('a database that crashes or restarts under load loses nothing acknowledged, and does nothing twice', async () => {
    const acknowledged: string[] = [];
    let unavailable = 0;
    let isOver = false;
    const write = async (store: RegionStore, writer: number): Promise<void> => {
      for (let count = 0; !isOver; count += 1) {
        const username = `u${writer}-${count}`;
        try {
          const isAdded = await store.transact(async () => {
            await store.recordEvent({ ...EVENT, params: { text: username } }, undefined);
            return await addLargeUser(store, username);
          });
          assert.ok(isAdded, `${username} was added twice`);
          acknowledged.push(username);
        } catch (error) {
          if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
          unavailable += 1;
          await sleep(20);
        }
      }
    };
    const more = async (count: number): Promise<void> => {
      const before = acknowledged.length;
      await eventuallyWithin(
        WRITTEN_MS_MAX,
        'changes are stored',
        () => isOver || acknowledged.length >= before + count,
      );
    };
    const disturb = async (server: PostgresServer): Promise<void> => {
      for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL', 'SIGINT'] as const) {
        await more(50);
        if (isOver) return;
        await server.end(signal);
        await sleep(200);
        await server.run();
      }
      await more(50);
      isOver = true;
    };
    // The kernel keeps what a killed server has written, so the disk need not be waited for.
    const killed = await PostgresServer.start();
    const stores: RegionStore[] = [];
    const work: Promise<void>[] = [];
    try {
      const name = await killed.makeDatabase();
      for (const one of [0, 1]) {
        const store = await openPostgresRegion(killed.placeOf(name));
        stores.push(store);
        for (const writer of [0, 1, 2, 3]) work.push(write(store, one * 4 + writer));
      }
      work.push(disturb(killed));
      await Promise.all(work);
      const [store] = stores;
      const stored = new Set((await store?.accounts.listUsers())?.map(({ username }) => username));
      const reported = ((await store?.listEvents({ limit: 100_000 })) ?? []).map(({ params }) =>
        'text' in params ? String(params.text) : '',
      );
      assert.deepEqual(
        acknowledged.filter((username) => !stored.has(username)),
        [],
      );
      assert.deepEqual([...reported].sort(), [...stored].sort(), 'each has one event');
      assert.ok(unavailable > 0, 'the database was away');
    } finally {
      isOver = true;
      await Promise.allSettled(work);
      for (const one of stores) await one.close();
      await killed.close();
    }
  });
});
