// The connections of a listener: which are served, which wait, and which are closed with what response.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, get as getSecurely } from 'node:https';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep, systemClock } from '../../../src/ground/clock.ts';
import {
  BODY_WINDOW_MS,
  type ConnectionRefusal,
  ConnectionShares,
  DRAINING_MAX,
  RESTING_MS,
  UNASKED_MS,
  WAIT_MS_MAX,
} from '../../../src/net/shares/connection-shares.ts';
import { RequestTurns, TURN_REQUESTS_MAX, WAITING_REQUESTS_MAX } from '../../../src/net/shares/request-turns.ts';
import { makeAuthority } from '../../support/authority.ts';
import { ask, Crowd, type Reply } from '../../support/crowd.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { portOf } from '../../support/listening-port.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const A = '127.0.1.1';
const B = '127.0.2.1';
const C = '127.0.3.1';
const get = (path: string): readonly string[] => [`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`];

interface Door {
  readonly port: number;
  readonly clock: VirtualClock;
  readonly shares: ConnectionShares;
  readonly refused: [address: string, reason: ConnectionRefusal][];
  /** Responses of `/held`, controlled by the test. */
  readonly held: ServerResponse[];
  /** Advances time by seconds, each with turns of the event loop. */
  pass(ms: number): Promise<void>;
}

async function withDoor(
  bounds: { readonly max: number; readonly waitingMax: number },
  work: (door: Door) => Promise<void>,
  makeServer: (listener: RequestListener) => Server = createServer,
): Promise<void> {
  const clock = new VirtualClock();
  const refused: Door['refused'] = [];
  const held: ServerResponse[] = [];
  const shares = new ConnectionShares({
    ...bounds,
    clock,
    fields: 'X-Door: this\r\n',
    findClient: ({ headers }) => (typeof headers['x-client'] === 'string' ? headers['x-client'] : undefined),
    onRefused: (address, reason) => void refused.push([address, reason]),
  });
  const server = makeServer((request, response) => {
    request.on('error', () => undefined);
    if (request.url === '/held') held.push(response);
    else request.resume().on('end', () => response.end('served'));
  });
  shares.guard(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      await sleep(10);
      clock.advance(1000);
    }
    await sleep(20);
  };
  try {
    const port = portOf(server);
    await work({ port, clock, shares, refused, held, pass });
  } finally {
    server.closeAllConnections();
    shares.endResting();
    server.close();
  }
}

/** Requests that the test answers. */
async function hold(door: Door, from: string, count: number): Promise<Promise<Reply>[]> {
  const before = door.held.length;
  const replies = Array.from({ length: count }, () => ask(door.port, from, get('/held')));
  await eventuallyWithin(5000, 'held', () => door.held.length === before + count);
  return replies;
}

test('a newcomer takes the place of a host with too many, whose waiting request gets a response with the reason', () =>
  withDoor({ max: 4, waitingMax: 4 }, async (door) => {
    const replies = await hold(door, A, 4);
    const newcomer = ask(door.port, B, get('/'));
    await eventuallyWithin(5000, 'one gives way', () => door.refused.length === 1);
    assert.match((await newcomer).text, /served$/);
    const [first] = await Promise.all(replies.slice(0, 1));
    assert.match(first?.text ?? '', /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5\r\nX-Door: this\r\n/);
    assert.deepEqual(door.refused, [[A, 'too-many-connections']]);
  }));

test('a host with no more than a fair share keeps its connections: the newcomer waits, and is served when a place becomes free', () =>
  withDoor({ max: 2, waitingMax: 4 }, async (door) => {
    void (await hold(door, A, 1));
    void (await hold(door, B, 1));
    const waits = ask(door.port, C, get('/'));
    await eventuallyWithin(5000, 'waits', () => door.shares.waitingCount === 1);
    door.held[0]?.end('done');
    assert.match((await waits).text, /served$/);
    assert.deepEqual(door.refused, []);
  }));

test('when many places become free in one turn, all waiting connections are served immediately', () =>
  withDoor({ max: 200, waitingMax: 200 }, async (door) => {
    const before = await Crowd.open(door.port, [A, B], 200);
    await eventuallyWithin(5000, 'open', () => door.shares.servedCount === 200);
    const after = await Crowd.open(door.port, [A, B], 200);
    await eventuallyWithin(5000, 'wait', () => door.shares.waitingCount === 200);
    before.close();
    // Without advancing the clock.
    await eventuallyWithin(2000, 'served', () => door.shares.servedCount === 200 && door.shares.waitingCount === 0);
    after.close();
  }));

test('a connection that waits too long gets a 503 with Retry-After, and so does one that finds no room to wait', () =>
  withDoor({ max: 2, waitingMax: 1 }, async (door) => {
    void (await hold(door, A, 1));
    void (await hold(door, B, 1));
    const waits = ask(door.port, C, get('/'));
    await eventuallyWithin(5000, 'waits', () => door.shares.waitingCount === 1);
    assert.match((await ask(door.port, '127.0.4.1', get('/'))).text, /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5/);
    await door.pass(WAIT_MS_MAX + 2000);
    assert.match((await waits).text, /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5/);
    assert.equal(door.shares.servedCount, 2);
  }));

test('a silent connection makes room for any newcomer after a while, and for none before', () =>
  withDoor({ max: 2, waitingMax: 1 }, async (door) => {
    void (await hold(door, B, 1));
    const silent = await Crowd.open(door.port, [A], 1);
    await eventuallyWithin(5000, 'open', () => door.shares.servedCount === 2);
    const waits = ask(door.port, C, get('/'));
    await eventuallyWithin(5000, 'waits', () => door.shares.waitingCount === 1);
    assert.equal(silent.open, 1);
    await door.pass(RESTING_MS + 1000);
    await eventuallyWithin(5000, 'the silent one is closed', () => silent.open === 0);
    assert.match((await waits).text, /served$/);
    silent.close();
  }));

test('a connection counts for the client that it forwards', () =>
  withDoor({ max: 4, waitingMax: 1 }, async (door) => {
    const speak = (client: string): Promise<Reply> =>
      ask(door.port, A, [`GET /held HTTP/1.1\r\nHost: x\r\nX-Client: ${client}\r\n\r\n`]);
    const many = Array.from({ length: 3 }, () => speak('10.0.1.1'));
    await eventuallyWithin(5000, 'held', () => door.held.length === 3);
    const one = speak('10.0.2.1');
    await eventuallyWithin(5000, 'held', () => door.held.length === 4);
    assert.match((await ask(door.port, B, get('/'))).text, /served$/);
    assert.deepEqual(door.refused, [['10.0.1.1', 'too-many-connections']]);
    door.held[3]?.end('alive');
    door.held[3]?.req.socket.end();
    assert.match((await one).text, /alive/);
    assert.match((await Promise.race(many)).text, /^HTTP\/1\.1 503 /);
  }));

test('a stalled body gets a 408, unless the handler is not reading', () =>
  withDoor({ max: 4, waitingMax: 1 }, async (door) => {
    const post = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`;
    const stops = ask(door.port, A, [post('/')]);
    const unread = ask(door.port, B, [post('/held') + 'x'.repeat(100)]);
    await eventuallyWithin(5000, 'held', () => door.held.length === 1 && door.shares.servedCount === 2);
    await door.pass(BODY_WINDOW_MS + 3000);
    assert.deepEqual(door.refused, [[A, 'too-slow']]);
    assert.match((await stops).text, /^HTTP\/1\.1 408 /);
    door.held[0]?.end('read');
    door.held[0]?.req.socket.end();
    assert.match((await unread).text, /read/);
  }));

test('a request over TLS counts as one of its connection: it is not idle, and gives way with 503', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-shares-'));
  try {
    const authority = makeAuthority(directory, systemClock.wallTimeMs());
    const { cert, key } = authority.issue('door');
    const pair = { cert: readFileSync(cert), key: readFileSync(key) };
    const ca = readFileSync(authority.caFile);
    await withDoor(
      { max: 2, waitingMax: 2 },
      async (door) => {
        const load = (localAddress: string, path: string): Promise<number> =>
          new Promise((resolve, reject) => {
            const options = { host: '127.0.0.1', port: door.port, localAddress, path, ca, agent: false };
            getSecurely(options, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
          });
        const held = [load(A, '/held'), load(A, '/held')];
        await eventuallyWithin(5000, 'held', () => door.held.length === 2);
        await door.pass(RESTING_MS + 2000);
        assert.equal(door.shares.servedCount, 2, 'a request in progress is not idle');
        assert.equal(await load(B, '/'), 200);
        for (const response of door.held) if (!response.destroyed) response.end();
        assert.deepEqual((await Promise.all(held)).sort(), [200, 503]);
      },
      (listener) => createSecureServer(pair, listener),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('all refused connections get the reason, and only DRAINING_MAX of those that stay are read', () =>
  withDoor({ max: 1, waitingMax: 1 }, async (door) => {
    void (await hold(door, A, 1));
    void ask(door.port, A, get('/')).catch(() => undefined);
    await eventuallyWithin(5000, 'waits', () => door.shares.waitingCount === 1);
    let [reported, ended, closed] = [0, 0, 0];
    const count = DRAINING_MAX + 20;
    const sockets = Array.from({ length: count }, () => {
      // Stays open when the server ends it.
      const socket = createConnection({ port: door.port, host: '127.0.0.1', localAddress: A, allowHalfOpen: true });
      let text = '';
      socket.on('data', (bytes: Buffer) => {
        if (text === '') reported += 1;
        text += bytes.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.on('end', () => {
        ended += 1;
      });
      socket.on('close', () => {
        closed += 1;
      });
      return socket;
    });
    await eventuallyWithin(10_000, 'all are ended', () => ended === count);
    assert.deepEqual([reported, closed], [count, 0]);
    // The kernel resets the connections that are no longer read, which the next write notices.
    const closesUnread = async (): Promise<boolean> => {
      for (const socket of sockets) if (socket.writable) socket.write('more');
      await sleep(50);
      return closed > 0;
    };
    await eventuallyWithin(5000, 'some are no longer read', closesUnread);
    await closesUnread();
    const read = count - closed;
    for (const socket of sockets) socket.destroy();
    assert.equal(read, DRAINING_MAX);
  }));

test('a connection that has not asked yet gets the reason when it gives way', () =>
  withDoor({ max: 2, waitingMax: 1 }, async (door) => {
    const reported = await new Promise<string>((resolve) => {
      const silent = createConnection({ port: door.port, host: '127.0.0.1', localAddress: A });
      silent.on('data', (bytes: Buffer) => resolve(bytes.toString('latin1')));
      silent.on('close', () => resolve('closed'));
      silent.on('connect', () => {
        void hold(door, A, 1)
          .then(() => hold(door, B, 1))
          .catch(() => undefined);
      });
    });
    assert.match(reported, /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5/);
  }));

test('a few requests start in each turn of the event loop, and a client that asks once does not wait for one that asks without a pause', () =>
  withDoor({ max: 200, waitingMax: 4 }, async (door) => {
    const sockets = await Promise.all(
      Array.from({ length: 101 }, async (_, index) => {
        const localAddress = index === 100 ? B : A;
        const socket = createConnection({ port: door.port, host: '127.0.0.1', localAddress });
        await once(socket.resume(), 'connect');
        return socket;
      }),
    );
    await eventuallyWithin(5000, 'open', () => door.shares.servedCount === 101);
    // The rack reads the requests of all connections in the next turn.
    for (const socket of sockets) socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    const most = 2 * TURN_REQUESTS_MAX;
    for (let turns = 0; door.held.length < 101; turns += 1) {
      const before = door.held.length;
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(door.held.length <= before + most, `${door.held.length - before} began in one turn`);
      assert.ok(turns < 1000);
    }
    const place = door.held.findIndex(({ req }) => req.socket.remoteAddress === B);
    assert.ok(place < 2 * most, `B asked last and was number ${place}`);
    for (const socket of sockets) socket.destroy();
  }));

test('of more than WAITING_REQUESTS_MAX requests that wait for their turn the oldest gives way, and its connection ends', () => {
  let [begun, ended] = [0, 0];
  const server = createServer(() => {
    begun += 1;
  });
  new RequestTurns(systemClock).guard(server, () => A);
  const response = { destroyed: false, req: { socket: { destroyed: false } }, destroy: () => (ended += 1) };
  const more = 3;
  for (let count = 0; count < TURN_REQUESTS_MAX + WAITING_REQUESTS_MAX + more; count += 1)
    Reflect.apply(server.emit, server, ['request', {}, response]);
  assert.deepEqual([begun, ended], [TURN_REQUESTS_MAX, more]);
});

test('a listener that closes ends idle connections, but still answers one whose request is on the way', () =>
  withDoor({ max: 4, waitingMax: 4 }, async ({ port, clock, shares }) => {
    const late = createConnection({ port, host: '127.0.0.1', localAddress: A });
    const silent = createConnection({ port, host: '127.0.0.1', localAddress: B });
    const ended = once(silent.resume(), 'close');
    await eventuallyWithin(5000, 'served', () => shares.servedCount === 2);
    clock.advance(UNASKED_MS - 1);
    shares.endResting();
    late.write(get('/')[0] ?? '');
    assert.match(String((await once(late, 'data'))[0]), /served$/);
    clock.advance(1);
    shares.endResting();
    await ended;
    assert.equal(shares.servedCount, 0);
  }));
