// Two processes of a region on PostgreSQL behind HAProxy, with the configuration that the documents print.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { PASSWORDS_PER_ADDRESS } from '../../src/region/accounts/password-limits.ts';
import { COMMENT_MS } from '../../src/region/http/event-stream.ts';
import { CONNECTIONS_MAX } from '../../src/region/http/listener-limits.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { endProgram } from '../support/child.ts';
import { Crowd } from '../support/crowd.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, PASSWORD, type RunningRack } from '../support/running-rack.ts';

const PLACES = [labPlace(81), labPlace(82)] as const;
const BALANCER = `${PLACES[0].octets}.9`;
const PORT = 5240;
/** How long a crowd's requests may be on the way. */
const SETTLED_MS = 2000;
/** How long a client of the balancer waits; a process ends the requests of the crowd after ten seconds. */
const PATIENCE_MS = 6000;
/** Of an upload. */
const PIECES = 4;
const PIECE_BYTES = 512 * 1024;
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
  port = PORT,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const asking = request(
    {
      host: BALANCER,
      port,
      path: `/MAAS${path}`,
      localAddress: from,
      agent: false,
      method: body === undefined ? 'GET' : 'POST',
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
          status: answer.statusCode ?? 0,
          cookie: cookie.split(';', 1)[0] ?? '',
          text,
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
  const balancers: ChildProcess[] = [];
  /** The configuration that the document prints, with the addresses of this test. */
  let config: string;
  let key = '';
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
    assert.ok(first !== undefined);
    key = await first.administrator();

    const [, printed = ''] = /```text\n(defaults\n.*?)```/s.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
    // On loopback a process has its instruments at an address of its own, and the balancer needs one to be told apart.
    const [one, two] = PLACES.map(
      ({ regionPort, octets }) => `127.0.0.1:${regionPort} source ${BALANCER} addr ${octets}.2`,
    );
    config = printed
      .replace('check port 5250', 'check port 5249')
      .replace('10.20.0.4:5240', `${BALANCER}:${PORT}`)
      .replaceAll('10.20.0.5:5240', one ?? '')
      .replaceAll('10.20.0.6:5240', two ?? '');
    await balance(config, PORT);
  });
  /** Runs HAProxy with this configuration until the end of the tests. */
  const balance = async (text: string, port: number): Promise<void> => {
    const file = join(directory, `haproxy-${port}.cfg`);
    writeFileSync(file, text);
    balancers.push(spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' }));
    await eventually('HAProxy answers', () =>
      ask('/api/version/', '127.0.0.1', {}, undefined, port).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  };
  after(async () => {
    for (const balancer of balancers) await endProgram(balancer, 'SIGTERM');
    for (const each of processes) await each.remove();
    await server?.close();
    rmSync(directory, { recursive: true });
  });

  test('takes all pieces of an upload by one process', async () => {
    const headers = { Authorization: authorizationOf(key) };
    const origin = `http://${BALANCER}:${PORT}`;
    const disk = makeSystemDisk(PIECES * PIECE_BYTES);
    for (const name of ['one', 'two', 'three']) {
      const fields = {
        name: `custom/${name}`,
        architecture: 'amd64/generic',
        filetype: 'ddraw',
        size: String(disk.length),
        sha256: createHash('sha256').update(disk).digest('hex'),
      };
      const url = `${origin}/MAAS/api/2.0/boot-resources/`;
      const begun = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields) });
      const text = await begun.text();
      const uri = /"upload_uri":\s*"([^"]+)"/.exec(text)?.[1] ?? assert.fail(text);
      for (let at = 0; at < PIECES; at += 1) {
        const body = disk.slice(at * PIECE_BYTES, (at + 1) * PIECE_BYTES);
        const type = { 'Content-Type': 'application/octet-stream' };
        const taken = await fetch(new URL(uri, origin), { method: 'PUT', headers: { ...headers, ...type }, body });
        assert.equal(taken.status, 200, `piece ${at} of ${name}: ${await taken.text()}`);
      }
    }
  });

  test('counts password guesses by the address of the guesser', async () => {
    const guess = async (from: string): Promise<number> => (await signIn(from, 'wrong')).status;
    const statuses: number[] = [];
    for (let count = 0; count < 2 * PASSWORDS_PER_ADDRESS.burst; count += 1) statuses.push(await guess('127.9.1.1'));
    assert.ok(statuses.includes(429), `${statuses}`);
    assert.equal((await signIn('127.9.2.1', PASSWORD)).status, 303);
  });

  test('keeps a browser signed in at whichever process answers, even when one dies', async () => {
    const { cookie, status } = await signIn('127.9.3.1', PASSWORD);
    assert.equal(status, 303);
    const page = (): Promise<Reply> => ask('/account/', '127.9.3.1', { cookie, accept: 'text/html' });
    for (let count = 0; count < 6; count += 1) assert.equal((await page()).status, 200);
    await processes[0]?.kill();
    for (let count = 0; count < 20; count += 1) assert.equal((await page()).status, 200, `request ${count}`);
    await processes[0]?.start({ command: REGION_SERVICE });
  });

  test('serves everybody while one client fills both processes with requests that do not end', async () => {
    // More of the body than HAProxy holds back.
    const first =
      'POST /MAAS/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n' +
      `Content-Length: 60000\r\n\r\nusername=${'a'.repeat(17_000)}`;
    const count = PLACES.length * (CONNECTIONS_MAX + 100);
    const crowd = await Crowd.open(PORT, ['127.9.5.1'], count, { first, host: BALANCER });
    try {
      await sleep(SETTLED_MS);
      assert.ok(crowd.open >= PLACES.length * (CONNECTIONS_MAX - 10), `${crowd.open} connections are open`);
      for (const client of ['127.9.5.2', '127.9.6.1', '127.9.6.2', '127.9.7.1']) {
        const answered = ask('/api/version/', client).then(({ status }) => status);
        assert.equal(await Promise.race([answered, sleep(PATIENCE_MS)]), 200, client);
      }
    } finally {
      crowd.close();
    }
  });

  test('ends requests that a process does not answer, and requests that never arrive whole', async () => {
    const [, seconds = 0] = /^ {2}timeout http-request (\d+)s$/m.exec(config) ?? [];
    assert.ok(Number(seconds) > 1);
    for (const side of ['client', 'server']) {
      const [, minutes] = new RegExp(`^ {2}timeout ${side} (\\d+)m$`, 'm').exec(config) ?? [];
      assert.equal(minutes, '1', side);
    }
    assert.ok(2 * COMMENT_MS < 60_000, 'a process says something on each stream twice in this time');
    const port = PORT + 1;
    const quick = config
      .replace(`${BALANCER}:${PORT}`, `${BALANCER}:${port}`)
      .replace(/timeout http-request .*/, 'timeout http-request 1s')
      .replace(/timeout server .*/, 'timeout server 3s');
    await balance(quick, port);

    const body = 'the body does not come';
    const withheld = await ask('/login/', '127.9.8.1', { 'content-length': '60' }, body, port);
    assert.equal(withheld.status, 408);
    const stopped = processes[0]?.pid ?? 0;
    process.kill(stopped, 'SIGSTOP');
    try {
      // The balancer takes turns.
      const both = await Promise.all(PLACES.map(() => ask('/api/version/', '127.9.8.1', {}, undefined, port)));
      assert.deepEqual(both.map(({ status }) => status).sort(), [200, 504]);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
  });

  test('sends nothing to the one process that cannot reach the database', async () => {
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

  test('says with Retry-After that no process is ready while the database is away, and continues when it is back', async () => {
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
