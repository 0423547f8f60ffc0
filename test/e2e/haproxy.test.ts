// Two processes of a region on PostgreSQL behind HAProxy, with the configuration that the documents print.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { PASSWORDS_PER_ADDRESS } from '../../src/region/accounts/password-limits.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, type RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACES = [labPlace(81), labPlace(82)] as const;
const BALANCER = `${PLACES[0].octets}.9`;
const PORT = 5240;
const PASSWORD = 'long enough to be one';
const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'outgrowing.md');

interface Reply {
  readonly status: number;
  readonly cookie: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** Asks at the load balancer. @param from the client's own address */
function ask(
  path: string,
  from: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const asking = request(
    {
      ...{ host: BALANCER, port: PORT, path: `/MAAS${path}`, localAddress: from, agent: false },
      ...{ method: body === undefined ? 'GET' : 'POST' },
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }), ...headers },
    },
    (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
      });
      const [cookie = ''] = answer.headers['set-cookie'] ?? [];
      answer.on('end', () =>
        resolve({
          ...{ status: answer.statusCode ?? 0, cookie: cookie.split(';', 1)[0] ?? '', text },
          retryAfter: answer.headers['retry-after'],
        }),
      );
    },
  );
  asking.on('error', reject);
  asking.end(body);
  return promise;
}

const signIn = (from: string, password: string): Promise<Reply> =>
  ask('/login/', from, {}, `${new URLSearchParams({ username: 'ann', password, to: '/MAAS/account/' })}`);

describe('a region behind HAProxy', { skip: missing('linux', 'haproxy', '/usr/lib/postgresql') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-haproxy-'));
  /** The first process reaches the database by this name. */
  const ownWay = join(directory, 'database');
  let server: PostgresServer;
  let balancer: ChildProcess;
  let processes: readonly RunningRack[] = [];

  before(async () => {
    server = await PostgresServer.start({ settings: [] });
    const database = await server.makeDatabase();
    symlinkSync(server.directory, ownWay);
    const urls = [server.urlOf(database, ownWay), server.urlOf(database)];
    processes = PLACES.map((place, index) => regionProcess(place, urls[index] ?? '', `, proxies: ["${BALANCER}"]`));
    for (const each of processes) {
      await each.start({ command: REGION_SERVICE });
    }
    const [first] = processes;
    const secret = join(directory, 'password');
    writeFileSync(secret, `${PASSWORD}\n`);
    const account = ['createadmin', '--username', 'ann', '--password-file', secret];
    const made = await runRackboot([...account, '--config', first?.configFile ?? '']);
    assert.equal(made.code, 0, made.complaints.join('\n'));

    const [, printed = ''] = /```text\n(defaults\n.*?)```/s.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
    // On loopback a process has its instruments at an address of its own, and the balancer needs one to be told apart.
    const [one, two] = PLACES.map(
      ({ regionPort, octets }) => `127.0.0.1:${regionPort} source ${BALANCER} addr ${octets}.2`,
    );
    const config = printed
      .replace('10.20.0.4:5240', `${BALANCER}:${PORT}`)
      .replace('10.20.0.5:5240', one ?? '')
      .replace('10.20.0.6:5240', two ?? '');
    writeFileSync(join(directory, 'haproxy.cfg'), config);
    balancer = spawn('haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')], { stdio: 'ignore' });
    await eventually('HAProxy answers', () =>
      ask('/api/version/', '127.0.0.1').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  });
  after(async () => {
    if (balancer !== undefined) await endProgram(balancer, 'SIGTERM');
    for (const each of processes) await each.remove();
    await server?.close();
    rmSync(directory, { recursive: true });
  });

  test('counts guesses of a password by the address of who guesses', { timeout: 60_000 }, async () => {
    const guess = async (from: string): Promise<number> => (await signIn(from, 'wrong')).status;
    const statuses: number[] = [];
    for (let count = 0; count < 2 * PASSWORDS_PER_ADDRESS.burst; count += 1) statuses.push(await guess('127.9.1.1'));
    assert.ok(statuses.includes(429), `${statuses}`);
    assert.equal((await signIn('127.9.2.1', PASSWORD)).status, 303);
  });

  test('keeps a browser signed in at whichever process answers, also when one dies', { timeout: 60_000 }, async () => {
    const { cookie, status } = await signIn('127.9.3.1', PASSWORD);
    assert.equal(status, 303);
    const page = (): Promise<Reply> => ask('/account/', '127.9.3.1', { cookie, accept: 'text/html' });
    for (let count = 0; count < 6; count += 1) assert.equal((await page()).status, 200);
    await processes[0]?.kill();
    for (let count = 0; count < 20; count += 1) assert.equal((await page()).status, 200, `request ${count}`);
    await processes[0]?.start({ command: REGION_SERVICE });
  });

  test('sends nothing to a process that alone does not reach the database', { timeout: 60_000 }, async () => {
    const { cookie } = await signIn('127.9.3.1', PASSWORD);
    const page = (): Promise<Reply> => ask('/account/', '127.9.3.1', { cookie, accept: 'text/html' });
    const instruments = `http://${PLACES[0].octets}.2:5249`;
    const answered = async (): Promise<number> => {
      const text = await (await fetch(`${instruments}/metrics`)).text();
      const counts = text.matchAll(/^rackboot_region_api_answers_total\{.*\} (\d+)$/gm);
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    await eventually('it gets requests again', async () => {
      const before = await answered();
      for (let count = 0; count < 4; count += 1) await page();
      return (await answered()) > before;
    });
    rmSync(ownWay);
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    // The balancer takes turns: the process that is lost would get half of them.
    await eventually('twenty requests in a row are answered', async () => {
      for (let count = 0; count < 20; count += 1) if ((await page()).status !== 200) return false;
      return true;
    });
    assert.equal((await fetch(`${instruments}/readyz`)).status, 503);
    symlinkSync(server.directory, ownWay);
  });

  test('says with Retry-After that no process is ready while the database is away, and goes on when it is back', {
    timeout: 60_000,
  }, async () => {
    await server.end('SIGINT');
    const away = await eventually('HAProxy answers itself', async () => {
      const reply = await ask('/api/version/', '127.9.4.1');
      return reply.status === 503 && reply;
    });
    assert.deepEqual([away.text, away.retryAfter], ['no process of the region is ready', '5']);
    await server.run();
    await eventually('the page is back', async () => (await ask('/login/', '127.9.4.1')).status === 200);
  });
});
