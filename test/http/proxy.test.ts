import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { BODY_BYTES_MAX, PROXIED_MAX } from '../../src/http/proxy.ts';
import { INTERIM_MAX, REGION_FIELD } from '../../src/net/region-http.ts';
import { isHttpEvent } from '../../src/observe/protocol-events.ts';
import { Crowd, settled } from '../support/crowd.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { portOf } from '../support/listening-port.ts';
import { LOOPBACK, makeRegion, openRig, type Rig, SECRET, speak, TOKEN } from './rig.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly raw: string;
  readonly body: string;
}

let rig: Rig;
const seen: Seen[] = [];
let answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => response.end('region');

const region = makeRegion((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('error', () => undefined);
  if (incoming.url === '/MAAS/early') answer(response, incoming);
  incoming.on('end', () => {
    const { method, url, headers, rawHeaders } = incoming;
    seen.push({ method, url, headers, raw: rawHeaders.join('|'), body: Buffer.concat(chunks).toString('latin1') });
    if (url !== '/MAAS/early') answer(response, incoming);
  });
});

before(async () => {
  region.listen(0, '127.0.0.1');
  await once(region, 'listening');
  rig = await openRig({ host: '127.0.0.1', port: portOf(region) });
});
after(async () => {
  await rig.server.close();
  region.closeAllConnections();
  region.close();
});
beforeEach(() => {
  seen.length = 0;
  rig.events.length = 0;
  answer = (response) => response.end('region');
});

const CLOSE = 'HTTP/1.1\r\nConnection: close\r\n';

test('a request reaches the region unchanged, with its sender’s identity', async () => {
  const got = await rig.speak(
    `GET /MAAS/metadata/2012-03-01/?op=a%20b&c=d ${CLOSE}Host: rack:5248\r\nX-Own: 1\r\n\r\n`,
  );
  assert.match(got, /^HTTP\/1.1 200 [\s\S]*region$/);
  const [one] = seen;
  assert.equal(one?.method, 'GET');
  assert.equal(one?.url, '/MAAS/metadata/2012-03-01/?op=a%20b&c=d');
  assert.equal(one?.headers.host, 'rack:5248');
  assert.equal(one?.headers['x-own'], '1');
  assert.equal(one?.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(one?.headers['x-rackboot-rack'], SECRET);
  assert.equal(one?.headers['x-rackboot-local'], `127.0.0.1:${rig.port}`);
  await eventuallyWithin(5000, 'counted', () => rig.server.counters()['proxied-bytes'] >= 6);
});

test('the region’s reason for a refusal is reported without control characters', async () => {
  answer = (response) => {
    response.writeHead(400, { 'Content-Type': 'application/json', 'X-Rackboot-Refusal': 'invalid-parameters' });
    response.end(`{"mac": ["\u001b[31mzz${'z'.repeat(1000)}"]}`);
  };
  const got = await rig.speak(`POST /MAAS/api/2.0/machines/ ${CLOSE}Host: x\r\nContent-Length: 0\r\n\r\n`);
  assert.match(got, /^HTTP\/1.1 400 [\s\S]*z{1000}"\]\}\r\n/, 'the machine gets the whole answer');
  const reported = () => rig.events.filter(isHttpEvent).find(({ kind }) => kind === 'http.posted');
  await eventuallyWithin(5000, 'told', () => reported() !== undefined);
  assert.equal(reported()?.reason, 'invalid-parameters');
  assert.match(reported()?.said ?? '', /^\{"mac": \["\\x1b\[31mzzz+…$/);
  assert.ok((reported()?.said ?? '').length <= 300);
  answer = (response) => void response.writeHead(200, { 'X-Rackboot-Refusal': 'none' }).end('fine');
  rig.events.length = 0;
  await rig.speak(`POST /MAAS/api/2.0/machines/ ${CLOSE}Host: x\r\nContent-Length: 0\r\n\r\n`);
  await eventuallyWithin(5000, 'told', () => reported() !== undefined);
  assert.deepEqual([reported()?.reason, reported()?.said], [undefined, undefined]);
});

test('a boot’s token is passed on, and the rack adds the boot interface; other fields that claim one are dropped', async () => {
  const boot = (fields: string): Promise<string> =>
    rig.speak(`POST /MAAS/api/2.0/machines/ ${CLOSE}Host: a\r\n${fields}Content-Length: 0\r\n\r\n`);
  await boot(`X-Rackboot-Token: ${TOKEN}\r\nX-Rackboot-Boot: 52:54:00:99:99:99\r\n`);
  await boot(`X-Rackboot-Token: ${TOKEN.slice(1)}x\r\nx_rackboot_boot: 52:54:00:12:34:56\r\n`);
  await boot('X-Rackboot-Boot: 52:54:00:12:34:56\r\n');
  await boot('X-Rackboot-Token: no token\r\n');
  await boot(`X-Rackboot-Token: ${TOKEN}\r\nX-Rackboot-Token: ${TOKEN}\r\n`);
  const reported = seen.map(({ headers }) => [
    headers['x-rackboot-token'],
    headers['x-rackboot-boot'],
    headers.x_rackboot_boot,
  ]);
  assert.deepEqual(reported, [
    [TOKEN, '52:54:00:12:34:56', undefined],
    [`${TOKEN.slice(1)}x`, undefined, undefined],
    [undefined, undefined, undefined],
    [undefined, undefined, undefined],
    [undefined, undefined, undefined],
  ]);
});

test('no caller can claim another address or a right', async () => {
  const claims = [
    'X-Forwarded-For: 10.0.0.1',
    'x-forwarded-for: 10.0.0.2',
    'X-FORWARDED-HOST: evil',
    'X-Forwarded-Proto: https',
    'X_Forwarded_For: 10.0.0.3',
    'Forwarded: for=10.0.0.4',
    'X-Real-IP: 10.0.0.5',
    'X-Rackboot-Rack: guess',
    'X-Rackboot-Control: guess',
    'x-rackboot-anything: guess',
    'X-Rackboot-Local: guess',
  ];
  await rig.speak(`GET /MAAS/ ${CLOSE}${claims.join('\r\n')}\r\n\r\n`);
  const raw = seen[0]?.raw ?? '';
  assert.doesNotMatch(raw, /10\.0\.0|evil|https|guess/);
  assert.equal(seen[0]?.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen[0]?.headers['x-rackboot-rack'], SECRET);
  assert.equal(seen[0]?.headers['x-rackboot-control'], undefined);
});

test('a Connection field cannot remove the fields with the caller’s identity', async () => {
  const names = 'close, X-Rackboot-Rack, X-Forwarded-For, X-Hop, Host, Content-Length';
  await rig.speak(
    `POST /MAAS/ HTTP/1.1\r\nConnection: ${names}\r\nHost: rack\r\nX-Hop: 1\r\nTE: trailers\r\nContent-Length: 2\r\n\r\nab`,
  );
  const headers = seen[0]?.headers;
  assert.equal(headers?.['x-rackboot-rack'], SECRET);
  assert.equal(headers?.['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers?.['x-hop'], undefined);
  assert.equal(headers?.te, undefined);
  assert.equal(headers?.host, 'rack');
  assert.equal(seen[0]?.body, 'ab');
});

test('a request without Host gets the rack’s address as Host', async () => {
  await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`);
  assert.equal(seen[0]?.headers.host, `127.0.0.1:${rig.port}`);
});

test('a body is passed on, with a length or in chunks', async () => {
  await rig.speak(`POST /MAAS/a ${CLOSE}Content-Length: 5\r\n\r\nhello`);
  await rig.speak(`PUT /MAAS/b ${CLOSE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`);
  await rig.speak(`DELETE /MAAS/c ${CLOSE}\r\n`);
  assert.deepEqual(
    seen.map(({ method, body }) => [method, body]),
    [
      ['POST', 'hello'],
      ['PUT', 'hello!'],
      ['DELETE', ''],
    ],
  );
  assert.equal(seen[2]?.headers['content-length'], '0');
});

test('an answer comes back with its fields, the length in GRUB’s spelling, without hop-by-hop fields', async () => {
  answer = (response) => {
    response.writeHead(
      201,
      [
        ['content-length', '4'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['Connection', 'x-hop, keep-alive'],
        ['X-Hop', '1'],
        ['Location', '/MAAS/x'],
      ].flat(),
    );
    response.end('made');
  };
  const got = await rig.speak(`POST /MAAS/ ${CLOSE}Content-Length: 0\r\n\r\n`);
  assert.match(got, /^HTTP\/1.1 201 /);
  assert.match(got, /\r\nContent-Length: 4\r\n/);
  assert.match(got, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
  assert.match(got, /Location: \/MAAS\/x/);
  assert.doesNotMatch(got, /X-Hop/);
  assert.match(got, /made$/);
});

test('the answer to HEAD has the length and no content', async () => {
  answer = (response) => {
    response.setHeader('content-length', 7);
    response.end();
  };
  assert.match(await rig.speak(`HEAD /MAAS/ ${CLOSE}\r\n`), /Content-Length: 7\r\n[\s\S]*\r\n\r\n$/);
});

test('a body with too large a length is refused before it is read', async () => {
  const got = await rig.speak(`POST /MAAS/ ${CLOSE}Content-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`);
  assert.match(got, /^HTTP\/1.1 413 /);
  assert.equal(seen.length, 0);
});

test('a body that grows too large is cut off', async () => {
  const upload = request({ port: rig.port, host: '127.0.0.1', method: 'POST', path: '/MAAS/' });
  upload.on('error', () => undefined);
  const chunk = new Uint8Array(1024 * 1024);
  let status = 0;
  upload.on('response', (response) => {
    status = response.statusCode ?? 0;
    response.resume();
  });
  for (let sent = 0; sent <= BODY_BYTES_MAX + chunk.length && status === 0; sent += chunk.length) {
    if (!upload.write(chunk)) await Promise.race([once(upload, 'drain'), sleep(1000)]);
  }
  await eventuallyWithin(5000, 'refused', () => status === 413);
  upload.destroy();
  assert.equal(seen.length, 0);
  await eventuallyWithin(5000, 'nothing under way', () => rig.server.counters().forwarding === 0);
});

test('a truncated answer does not look whole', async () => {
  answer = (response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('half');
    void sleep(20).then(() => response.destroy());
  };
  const got = await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`);
  assert.match(got, /Content-Length: 100/);
  assert.match(got, /half$/);
  await eventuallyWithin(5000, 'nothing under way', () => rig.server.counters().forwarding === 0);
});

test('the request to the region ends when its caller disconnects', async () => {
  let ended = false;
  answer = (response) => {
    response.on('close', () => {
      ended = true;
    });
  };
  const socket = createConnection({ port: rig.port, host: '127.0.0.1' });
  socket.write('GET /MAAS/slow HTTP/1.1\r\n\r\n');
  await eventuallyWithin(5000, 'asked', () => seen.length === 1);
  socket.destroy();
  await eventuallyWithin(5000, 'ended', () => ended && rig.server.counters().forwarding === 0);
});

test('pipelined requests of a caller that disconnects leave nothing under way', async () => {
  answer = () => undefined;
  const socket = createConnection({ port: rig.port, host: '127.0.0.1' });
  socket.write('GET /MAAS/1 HTTP/1.1\r\n\r\nGET /MAAS/2 HTTP/1.1\r\n\r\nGET /MAAS/3 HTTP/1.1\r\n\r\n');
  await eventuallyWithin(5000, 'asked', () => seen.length === 3);
  socket.destroy();
  await eventuallyWithin(5000, 'nothing under way', () => rig.server.counters().forwarding === 0);
});

test('an answer before the end of the body is passed on', async () => {
  answer = (response) => {
    response.writeHead(400);
    response.end('no');
  };
  const got = await rig.speak(`POST /MAAS/early ${CLOSE}Content-Length: 3\r\n\r\nabc`);
  assert.match(got, /^HTTP\/1.1 400 [\s\S]*no/);
});

test('if the region is down the caller gets 503 at once, with the region’s address and a Retry-After', async () => {
  const closed = createServer();
  closed.listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const port = portOf(closed);
  closed.close();
  const lone = await openRig({ host: '127.0.0.1', port });
  lone.tree.files.set('linux', Buffer.from('still there'));
  const got = await lone.speak(`POST /MAAS/ ${CLOSE}Content-Length: 3\r\n\r\nabc`);
  assert.match(got, /^HTTP\/1.1 503 [\s\S]*Retry-After: 5\r\n/);
  assert.match(got, new RegExp(`the region at 127.0.0.1:${port} does not answer: .*ECONNREFUSED.*\n$`));
  assert.doesNotMatch(got, new RegExp(SECRET));
  assert.deepEqual(lone.kinds(), ['http.region-unreachable']);
  assert.match(await lone.speak(`GET /linux ${CLOSE}\r\n`), /still there$/, 'files are still served');
  await lone.server.configure({
    listen: [{ address: LOOPBACK, port: 0 }],
    region: { host: '127.0.0.1', port: portOf(region) },
  });
  assert.match(await speak(lone.port, `GET /MAAS/ ${CLOSE}\r\n`), /region$/, 'a region that is back is asked again');
  await lone.server.close();
});

test('a region of this host that does not listen yet is said to start, without the error of its socket', async () => {
  const lone = await openRig({ host: '127.0.0.1', port: 5240, socketPath: '/nonexistent/region.sock' });
  const got = await lone.speak(`GET /MAAS/ ${CLOSE}\r\n`);
  assert.match(got, /^HTTP\/1\.1 503 [\s\S]*the region at 127\.0\.0\.1:5240 does not answer: /);
  assert.doesNotMatch(got, /ENOENT|region\.sock/);
  await lone.server.close();
});

test('at most PROXIED_MAX requests of as many networks are at the region at a time', async () => {
  answer = () => undefined;
  const asked = rig.server.counters().requests;
  const networks = Array.from({ length: PROXIED_MAX + 5 }, (_, index) => `127.${1 + (index >> 4)}.${index & 15}.2`);
  const crowd = await Crowd.open(rig.port, networks, networks.length, {
    first: 'GET /MAAS/ HTTP/1.1\r\nHost: x\r\n\r\n',
  });
  try {
    await settled(() => rig.server.counters().requests);
    assert.equal(rig.server.counters().requests, asked + networks.length);
    assert.equal(rig.server.counters().forwarding, PROXIED_MAX);
  } finally {
    crowd.close();
  }
  await eventuallyWithin(5000, 'nothing is with the region', () => rig.server.counters().forwarding === 0);
});

test('a region that sends nonsense counts as one that does not answer', async () => {
  const nonsense = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  nonsense.listen(0, '127.0.0.1');
  await once(nonsense, 'listening');
  const lone = await openRig({ host: '127.0.0.1', port: portOf(nonsense) });
  assert.match(await lone.speak(`GET /MAAS/ ${CLOSE}\r\n`), /^HTTP\/1.1 503 /);
  await lone.server.close();
  nonsense.close();
});

test('an answer that is not a region’s is not passed on: the caller gets 503, with the address and what to correct', async () => {
  for (const status of [200, 302, 404, 500]) {
    rig.events.length = 0;
    answer = (response) => {
      response.removeHeader(REGION_FIELD.name);
      response.writeHead(status, { Location: 'http://elsewhere/' }).end('a foreign page');
    };
    const got = await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`);
    assert.match(got, /^HTTP\/1.1 503 [\s\S]*Retry-After: 5\r\n/);
    const where = `127.0.0.1:${portOf(region)}`;
    const text = `the server at ${where} answered ${status}, but is not a Rackboot region: correct this address in region.url, or the proxy between`;
    assert.ok(got.endsWith(`${text}\n`), got);
    assert.doesNotMatch(got, /foreign page|elsewhere/);
    await eventuallyWithin(5000, 'told', () => rig.kinds().length > 0);
    const [event] = rig.events.filter(isHttpEvent);
    assert.deepEqual(
      [event?.kind, event?.reason, event?.region, event?.said],
      ['http.region-unreachable', 'region-foreign', where, `answered ${status}`],
    );
  }
});

test('a proxy’s own "not now" and "too large" are passed on, with their Retry-After', async () => {
  for (const status of [413, 502, 503, 504]) {
    answer = (response) => {
      response.removeHeader(REGION_FIELD.name);
      response.writeHead(status, { 'Retry-After': '7' }).end('of the proxy');
    };
    const got = await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`);
    assert.match(got, new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*Retry-After: 7\r\n[\\s\\S]*of the proxy`));
  }
});

test('a few interim answers are passed over; endless ones end the request with 503', async () => {
  const send = (response: ServerResponse): void => void response.socket?.write('HTTP/1.1 103 Early Hints\r\n\r\n');
  answer = (response) => {
    for (let count = 0; count < INTERIM_MAX; count += 1) send(response);
    response.end('region');
  };
  assert.match(await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`), /^HTTP\/1.1 200 [\s\S]*region$/);
  answer = (response) => {
    const timer = setInterval(send, 2, response);
    response.on('close', () => clearInterval(timer));
  };
  const got = await rig.speak(`GET /MAAS/ ${CLOSE}\r\n`);
  assert.match(got, /^HTTP\/1.1 503 [\s\S]*more than 8 interim answers \(1xx\)/);
});
