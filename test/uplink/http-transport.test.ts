// The link over HTTP to a server on loopback: what is sent and read, and how each exchange ends.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { INTERIM_MAX, REGION_FIELD } from '../../src/net/region-http.ts';
import { parseAuthorization } from '../../src/region/accounts/authorization-header.ts';
import { noteText } from '../../src/region/reports/notes.ts';
import { openHttpTransport, SOCKETS_MAX } from '../../src/uplink/http-transport.ts';
import { LinkFailure, type LinkRequest, type RegionAddress } from '../../src/uplink/link-transport.ts';
import { portOf } from '../support/listening-port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const KEY = { consumer: 'rack', token: 'token', secret: 'secret', isDrawn: true };
const GET: LinkRequest = { method: 'GET', path: '/uplink/1/racks/x/state', authorized: true };

/** Checks the sentence of a failure. */
const saying = (text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LinkFailure);
  assert.match(noteText(error.note), text);
  return true;
};

const seen: { readonly request: IncomingMessage; readonly body: string }[] = [];
let answer: (response: ServerResponse) => void;
let isRegion = true;
let server: Server;
let transport: RegionAddress;
let url = '';

before(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8');
    });
    request.on('end', () => {
      seen.push({ request, body });
      if (isRegion) response.setHeader(REGION_FIELD.name, REGION_FIELD.value);
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${portOf(server)}/MAAS`;
  transport = openHttpTransport({ url, key: KEY, clock: systemClock, userAgent: 'Rackboot/test' });
});
after(() => {
  transport.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  isRegion = true;
  answer = (response) => response.end('{}');
});

test('a request carries the key, the tag and the body, to the path below region.url', async () => {
  answer = (response) => response.writeHead(503, { 'Retry-After': '7' }).end('later');
  const body = { contentType: 'application/json', text: '{"é":1}' };
  const got = await transport.ask({ ...GET, method: 'POST', ifNoneMatch: '"7"', body });
  assert.deepEqual(got, { status: 503, retryAfterMs: 7000, body: 'later' });
  const [one] = seen;
  const headers = one?.request.headers ?? {};
  assert.equal(one?.request.url, '/MAAS/uplink/1/racks/x/state');
  assert.equal(one?.body, '{"é":1}');
  assert.equal(headers['if-none-match'], '"7"');
  assert.equal(headers['user-agent'], 'Rackboot/test');
  assert.deepEqual(parseAuthorization(headers.authorization ?? ''), {
    kind: 'key',
    consumerKey: 'rack',
    tokenKey: 'token',
    secret: 'secret',
  });
});

test('an unauthorized request does not carry the key', async () => {
  await transport.ask({ ...GET, authorized: false });
  assert.equal(seen[0]?.request.headers.authorization, undefined);
});

test('a redirection is an answer, and the key goes nowhere else', async () => {
  answer = (response) => response.writeHead(302, { Location: 'http://192.0.2.1/' }).end();
  const { status, location } = await transport.ask(GET);
  assert.deepEqual([status, location], [302, 'http://192.0.2.1/']);
  assert.equal(seen.length, 1);
});

test('an answer is read up to its bound', async () => {
  answer = (response) => response.end('x'.repeat(70_000));
  await assert.rejects(transport.ask(GET), saying(/its answer is larger than 65536 bytes/));
  assert.equal((await transport.ask({ ...GET, answerBytesMax: 100_000 })).body.length, 70_000);
});

test('an answer in pieces of one octet is read up to the bound on the memory of the pieces', async () => {
  answer = (response) => {
    let pieces = 0;
    const send = (): void => {
      pieces += 1;
      if (pieces > 1000) response.end();
      else response.write('x', () => setImmediate(send));
    };
    send();
  };
  await assert.rejects(
    transport.ask(GET),
    saying(/its answer is larger than 65536 bytes, or arrives in too many pieces/),
  );
  assert.equal((await transport.ask({ ...GET, answerBytesMax: 200_000 })).body.length, 1000);
});

for (const status of ['100 Continue', '102 Processing', '103 Early Hints']) {
  test(`endless interim answers ${status} end a request, a stream and a ping; a few are passed over`, async () => {
    const send = (response: ServerResponse): void => void response.socket?.write(`HTTP/1.1 ${status}\r\n\r\n`);
    answer = (response) => {
      for (let count = 0; count < INTERIM_MAX; count += 1) send(response);
      response.end('{}');
    };
    assert.equal((await transport.ask(GET)).body, '{}');
    answer = (response) => {
      const timer = setInterval(send, 2, response);
      response.on('close', () => clearInterval(timer));
    };
    await assert.rejects(transport.ask(GET), saying(/does not answer: it sends more than 8 interim answers \(1xx\)/));
    assert.deepEqual(await followed(), { calls: [], status: undefined });
    const own = openHttpTransport({ url, key: KEY, clock: systemClock, userAgent: 'x' });
    await assert.rejects(own.ping(new AbortController().signal));
    own.close();
  });
}

test('a refused connection, and one cut before or within the answer, are failures that name the region', async () => {
  const nowhere = openHttpTransport({ url: 'http://127.0.0.1:1/MAAS', key: KEY, clock: systemClock, userAgent: 'x' });
  await assert.rejects(nowhere.ask(GET), saying(/http:\/\/127\.0\.0\.1:1\/MAAS does not answer: .*ECONNREFUSED/));
  nowhere.close();
  answer = (response) => {
    response.writeHead(200, { 'Content-Length': 100 }).write('half');
    setImmediate(() => response.destroy());
  };
  await assert.rejects(transport.ask(GET), saying(/does not answer/));
  answer = (response) => response.destroy();
  await assert.rejects(transport.ask(GET), saying(/does not answer/));
});

test('a request without an answer times out', async () => {
  const clock = new VirtualClock();
  const slow = openHttpTransport({ url, key: KEY, clock, userAgent: 'x' });
  answer = (response) => void response.writeHead(200).write('a beginning');
  const asked = slow.ask(GET);
  asked.catch(() => undefined);
  for (let tries = 0; tries < 500 && seen.length === 0; tries += 1) await sleep(5);
  clock.advance(60_000);
  await assert.rejects(asked, saying(/no complete answer within 60 s/));
  slow.close();
});

/** Follows a stream until it ends. */
function followed(): Promise<{ readonly calls: readonly string[]; readonly status: number | undefined }> {
  return new Promise((resolve) => {
    const calls: string[] = [];
    transport.follow('/uplink/1/racks/x/changes', {
      onOpen: () => void calls.push('open'),
      onAlive: () => undefined,
      onEvent: (event, data) => void calls.push(`${event} ${data}`),
      onEnd: (status) => resolve({ calls, status }),
    });
  });
}

test('a stream reports its events, and its end once', async () => {
  answer = (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': hello\n\nevent: state\nda');
    setImmediate(() => response.end('ta: {"version":3}\n\n'));
  };
  assert.deepEqual(await followed(), { calls: ['open', 'state {"version":3}'], status: undefined });
});

test('an answer without a stream is reported by its status', async () => {
  answer = (response) => response.writeHead(403).end('no');
  assert.deepEqual(await followed(), { calls: [], status: 403 });
});

test('a closed stream reports nothing more', async () => {
  let calls = 0;
  answer = (response) => void response.writeHead(200).write('event: state\ndata: 1\n\n');
  const opened = await new Promise<{ close(): void }>((resolve) => {
    const stream = transport.follow('/uplink/1/racks/x/changes', {
      onOpen: () => resolve(stream),
      onAlive: () => undefined,
      onEvent: () => undefined,
      onEnd: () => {
        calls += 1;
      },
    });
  });
  opened.close();
  await sleep(30);
  assert.equal(calls, 0);
});

test('SOCKETS_MAX connections are open at a time; a further request waits for one and is answered', async () => {
  const held: ServerResponse[] = [];
  answer = (response) => void held.push(response);
  const asked = Array.from({ length: SOCKETS_MAX + 2 }, () => transport.ask(GET));
  const count = (): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, connections) => (error === null ? resolve(connections) : reject(error))),
    );
  for (let tries = 0; tries < 500 && held.length < SOCKETS_MAX; tries += 1) await sleep(5);
  await sleep(100);
  assert.equal(held.length, SOCKETS_MAX);
  assert.ok((await count()) <= SOCKETS_MAX);
  answer = (response) => void response.end('{}');
  for (const response of held) response.end('{}');
  assert.equal((await Promise.all(asked)).length, SOCKETS_MAX + 2);
});

test('a ping is answered by any answer but "not now", without the key, even while every connection for requests is taken', async () => {
  const held: ServerResponse[] = [];
  answer = (response) => void held.push(response);
  const asked = Array.from({ length: SOCKETS_MAX }, () => transport.ask(GET).catch((error: unknown) => error));
  while (held.length < SOCKETS_MAX) await sleep(5);
  answer = (response) => response.end('2.0');
  const { signal } = new AbortController();
  await transport.ping(signal);
  const { request } = seen.at(-1) ?? {};
  assert.deepEqual([request?.url, request?.headers.authorization], ['/MAAS/api/version/', undefined]);
  answer = (response) => response.writeHead(503).end();
  await assert.rejects(transport.ping(signal), saying(/answered 503/));
  const stop = new AbortController();
  answer = () => stop.abort();
  await assert.rejects(transport.ping(stop.signal));
  transport.abandon();
  for (const end of await Promise.all(asked))
    saying(/does not answer: it answers no ping, but another address of region\.url does; the rack uses that one$/)(
      end,
    );
});

test('a stream that is abandoned ends as one whose region does not answer', async () => {
  answer = (response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': begin\n\n');
  const ended = new Promise<number | undefined>((resolve) => {
    transport.follow('/uplink/1/racks/x/changes', {
      onOpen: () => undefined,
      onEvent: () => undefined,
      onAlive: () => transport.abandon(),
      onEnd: resolve,
    });
  });
  assert.equal(await ended, undefined);
});

for (const status of [200, 301, 304, 400, 401, 403, 404, 409, 500]) {
  test(`an answer ${status} of another server than a region does not count, and its body is not read`, async () => {
    isRegion = false;
    answer = (response) => {
      response.writeHead(status, status === 301 ? { Location: 'http://192.0.2.1/' } : {}).write('x');
      if (status === 304) response.end();
    };
    const where = status === 301 ? ' and redirects to http://192\\.0\\.2\\.1/' : '';
    const says = new RegExp(`^${url} answers ${status}${where}, but is not a Rackboot region: correct`);
    await assert.rejects(transport.ask(GET), saying(says));
    await assert.rejects(transport.ping(new AbortController().signal), saying(says));
    assert.deepEqual(await followed(), { calls: [], status: undefined });
  });
}

test('a proxy may answer "not now", or that a body is too large for it', async () => {
  isRegion = false;
  for (const status of [413, 502, 503, 504]) {
    answer = (response) => response.writeHead(status).end();
    assert.equal((await transport.ask(GET)).status, status);
    assert.equal((await followed()).status, status);
  }
});
