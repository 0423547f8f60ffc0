// A PostgreSQL server of a test's own, in a temporary directory in memory, which its clients reach by a Unix-domain socket.
//
// 1. initdb(1) and postgres(1) refuse root, so root runs them as `nobody`.
// 2. The server ends with the test's process, at the latest, and leaves no shared memory, even if a test killed it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresPlace } from '../../src/store/postgres/postgres-place.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { AS_NOBODY, NOBODY } from './another-user.ts';
import { ended, endProgram } from './child.ts';
import { eventuallyWithin } from './eventually.ts';
import { serverPlace } from './memory-place.ts';
import { endServer, findServer } from './postgres-end.ts';
import { kill, processesBelow, RUN_VARIABLE } from './process-tree.ts';

const VERSIONS = '/usr/lib/postgresql';
/** The account of a server that a test does not name otherwise. */
const USER = 'rackboot';
const CONNECTIONS = 4;
/** Also the recovery after a crash. */
const START_MS_MAX = 60_000;

/** The newest installed server's program of this name. */
function programOf(name: string): string {
  const [newest = ''] = readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one));
  return join(VERSIONS, newest, 'bin', name);
}

function commandOf(
  name: string,
  words: readonly string[],
  before: readonly string[] = [],
): readonly [program: string, words: string[]] {
  const all = [...(process.getuid?.() === 0 ? AS_NOBODY : []), ...before, programOf(name), ...words];
  return [all[0] ?? '', all.slice(1)];
}

/**
 * Makes the files of an empty server, which initdb(1) makes only once in a run for each account: a copy takes a tenth of the processor time.
 * @param directory whose `data` they become
 */
function makeCluster(directory: string, user: string): void {
  const data = join(directory, 'data');
  const isInRun = process.env[RUN_VARIABLE] !== undefined;
  const kept = join(serverPlace(), `rackboot-cluster-${user}`);
  if (isInRun && existsSync(kept)) copyTree(kept, data);
  else {
    const [program, words] = commandOf('initdb', [
      '--no-sync',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      `--username=${user}`,
      '-D',
      data,
    ]);
    // In a session of its own, Ctrl-C does not reach it: it would leave shared memory.
    execFileSync('setsid', [program, ...words], { stdio: ['ignore', 'ignore', 'inherit'], cwd: directory });
    if (isInRun) keepCluster(data, kept);
  }
}

/** Keeps a copy of the files, unless another process of the run was first. */
function keepCluster(data: string, kept: string): void {
  const copy = `${kept}-${process.pid}`;
  copyTree(data, copy);
  try {
    renameSync(copy, kept);
  } catch {
    rmSync(copy, { recursive: true });
  }
}

function copyTree(from: string, to: string): void {
  execFileSync('cp', ['--archive', from, to]);
}

export interface ServerOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
  readonly access?: readonly string[];
  /** Also its TCP port, if the settings let it listen. */
  readonly port?: number;
  /** The account that may do everything. Default: USER. */
  readonly user?: string;
  /** Words before the server's program: `env NAME=VALUE`. */
  readonly through?: readonly string[];
}

/** A server, with an account that may do everything. */
export class PostgresServer {
  readonly directory: string;
  readonly #port: number;
  readonly #user: string;
  readonly #through: readonly string[];
  #server: ChildProcess | undefined;
  #databases = 0;

  private constructor(directory: string, port: number, user: string, through: readonly string[] = []) {
    this.directory = directory;
    this.#port = port;
    this.#user = user;
    this.#through = through;
  }

  /** @param access lines of pg_hba.conf that come before the rule that trusts everybody on this host */
  static async start({
    settings = ['fsync = off'],
    access = [],
    port = 5432,
    user = USER,
    through = [],
  }: ServerOptions = {}): Promise<PostgresServer> {
    const directory = mkdtempSync(join(serverPlace(), 'rackboot-postgres-'));
    if (process.getuid?.() === 0) chownSync(directory, NOBODY, NOBODY);
    const server = new PostgresServer(directory, port, user, through);
    process.on('exit', () => server.#end());
    makeCluster(directory, user);
    const fixed = [
      "listen_addresses = ''",
      `unix_socket_directories = '${directory}'`,
      `port = ${port}`,
      'max_connections = 60',
      // Files of the data directory: the system would keep other shared memory of a killed server.
      'dynamic_shared_memory_type = mmap',
    ];
    appendFileSync(join(server.#data, 'postgresql.conf'), `${[...fixed, ...settings].join('\n')}\n`);
    const rules = join(server.#data, 'pg_hba.conf');
    writeFileSync(rules, `${access.join('\n')}\n${readFileSync(rules, 'utf8')}`);
    try {
      await server.run();
    } catch (error) {
      server.#end();
      throw error;
    }
    return server;
  }

  /**
   * Starts a standby, which follows this server and waits for its promotion.
   * @param isSynchronous true if this server must acknowledge a transaction only once the standby has it on disk
   * (postgresql.org/docs/15/warm-standby.html#SYNCHRONOUS-REPLICATION)
   */
  async startStandby(isSynchronous = true): Promise<PostgresServer> {
    const directory = mkdtempSync(join(serverPlace(), 'rackboot-standby-'));
    if (process.getuid?.() === 0) chownSync(directory, NOBODY, NOBODY);
    const standby = new PostgresServer(directory, this.#port, this.#user);
    process.on('exit', () => standby.#end());
    const from = ['-h', this.directory, '-p', String(this.#port), '-U', this.#user];
    const [program, words] = commandOf('pg_basebackup', [
      '-D',
      standby.#data,
      '-R',
      '-X',
      'stream',
      '--checkpoint=fast',
      ...from,
    ]);
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], cwd: directory });
    appendFileSync(join(standby.#data, 'postgresql.conf'), `unix_socket_directories = '${directory}'\n`);
    await standby.run();
    if (!isSynchronous) return standby;
    await this.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await this.query('SELECT pg_reload_conf()');
    await eventuallyWithin(START_MS_MAX, 'the standby is synchronous', async () => {
      const rows = await this.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      return rows.length === 1;
    });
    return standby;
  }

  /** Makes a standby the server that writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote()');
  }

  /** Cuts a standby off from its server, once it has all that this has written. */
  async cutOff(standby: PostgresServer): Promise<void> {
    const [here] = await this.query('SELECT pg_current_wal_lsn() AS place');
    await eventuallyWithin(START_MS_MAX, 'the standby has everything', async () => {
      const [there] = await standby.query(`SELECT pg_last_wal_replay_lsn() >= '${here?.place}' AS is_there`);
      return there?.is_there === true;
    });
    await standby.query("ALTER SYSTEM SET primary_conninfo = ''");
    await standby.query('SELECT pg_reload_conf()');
    await eventuallyWithin(START_MS_MAX, 'the standby is cut off', async () => {
      const receivers = await standby.query('SELECT 1 FROM pg_stat_wal_receiver');
      return receivers.length === 0;
    });
  }

  /** Where its own files are. */
  get #data(): string {
    return join(this.directory, 'data');
  }

  /** Starts the server, which has ended, and waits until it answers. */
  async run(): Promise<void> {
    const [program, words] = commandOf('postgres', ['-D', this.#data], this.#through);
    this.#server = spawn(program, words, { stdio: 'ignore', cwd: this.directory });
    await eventuallyWithin(START_MS_MAX, 'the database answers', () =>
      this.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    );
  }

  /** Ends the server: SIGINT ends its clients' connections first, SIGKILL is a crash. */
  async end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    if (this.#server !== undefined) await endProgram(this.#server, signal);
  }

  /** Waits for the end of a server that a fault ends. */
  async ownEnd(): Promise<void> {
    if (this.#server !== undefined) await ended(this.#server);
  }

  /** Stops the server and all its processes, as a host that hangs does: connections stay open, and nothing answers. */
  hang(): void {
    for (const pid of this.#processes()) kill(pid, 'SIGSTOP');
  }

  /** Lets a server continue that hangs. */
  goOn(): void {
    for (const pid of this.#processes().reverse()) kill(pid, 'SIGCONT');
  }

  #processes(): number[] {
    const pid = findServer(this.#data)?.pid;
    return pid === undefined ? [] : [pid, ...processesBelow(pid)];
  }

  /** Runs statements, which end with a semicolon if they are several, in the server's own database. */
  async query(sql: string, database = 'postgres'): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.urlOf(database), connectionTimeoutMillis: 5000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return rows;
    } finally {
      await client.end();
    }
  }

  /** @param directory of its socket, if it is reached through another name */
  urlOf(database: string, directory = this.directory): string {
    return `postgresql:///${database}?user=${this.#user}&host=${encodeURIComponent(directory)}&port=${this.#port}`;
  }

  placeOf(database: string): PostgresPlace {
    return { url: this.urlOf(database), pool: CONNECTIONS };
  }

  /** Makes a database, empty or as a copy of another. @returns its name */
  async makeDatabase(template = 'template1'): Promise<string> {
    this.#databases += 1;
    const name = `test${this.#databases}`;
    // Copying the files takes half the processor time of copying through the log.
    await this.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
    return name;
  }

  async removeDatabase(name: string): Promise<void> {
    await this.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }

  async close(): Promise<void> {
    await this.end('SIGINT');
    this.#end();
  }

  #end(): void {
    endServer(this.#data);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A server with a database that has a region's tables and nothing in them, to copy. */
export class RegionDatabases {
  readonly server: PostgresServer;
  readonly #template: string;

  private constructor(server: PostgresServer, template: string) {
    this.server = server;
    this.#template = template;
  }

  static async start(): Promise<RegionDatabases> {
    const server = await PostgresServer.start();
    const template = await server.makeDatabase();
    await (await openPostgresRegion(server.placeOf(template))).close();
    return new RegionDatabases(server, template);
  }

  /** Makes a database for a region. @returns its name */
  make(): Promise<string> {
    return this.server.makeDatabase(this.#template);
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
