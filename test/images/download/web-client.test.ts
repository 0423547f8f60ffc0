// Redirects, TLS and proxies, with real sockets on loopback.
// @host waits, 10 s
// @process own

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { describeAttemptFault } from '../../../src/images/download/fault.ts';
import {
  chooseProxy,
  NO_PROXY,
  type ProxySettings,
  readEnvironmentProxy,
} from '../../../src/images/download/settings.ts';
import { WebClient } from '../../../src/images/download/web-client.ts';
import { makeAuthority } from '../../support/authority.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { type Behaviour, HostileFileServer, type ServerCertificate } from '../../support/hostile-file-server.ts';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';
import { DownloadPlace, makeContent, QUICK } from './download-place.ts';

const CONTENT = makeContent(100_000);
const HONEST: Behaviour = ({ serve }) => serve();

/** Downloads from a URL. @returns `done`, or the code of the reason, and its sentence */
async function fetch(
  url: string,
  proxy: ProxySettings = NO_PROXY,
): Promise<{ readonly end: string; readonly sentence: string }> {
  const place = new DownloadPlace();
  try {
    const { state } = await place.run(place.request([url], CONTENT), {
      proxy,
      connectMs: 1000,
      answerMs: 1000,
      roundsMax: 1,
    });
    if (state.kind === 'done') assert.deepEqual(place.finished(), Buffer.from(CONTENT));
    return state.kind === 'failed'
      ? { end: state.reason.code, sentence: describeAttemptFault(state.reason) }
      : { end: state.kind, sentence: '' };
  } finally {
    await place.close();
  }
}

async function withServer<T>(
  behave: Behaviour,
  use: (server: HostileFileServer) => Promise<T>,
  tls?: ServerCertificate,
): Promise<T> {
  const server = await HostileFileServer.start(CONTENT, behave, tls);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

const redirectTo =
  (location: string): Behaviour =>
  ({ response }) =>
    void response.writeHead(302, { Location: location }).end();

describe('redirects', () => {
  test('to another host are followed, and the rest of a file is asked for there', () => {
    const place = new DownloadPlace();
    return withServer(
      (asked) => {
        if (asked.number > 1) asked.serve();
        else {
          asked.write(asked.head(), 50_000);
          void eventuallyWithin(8000, 'the part is written', () => place.partBytes() >= 50_000).then(() => asked.cut());
        }
      },
      (last) =>
        withServer(redirectTo(last.url), async (first) => {
          const { state } = await place.run(place.request([first.url.replace('127.0.0.1', 'localhost')], CONTENT));
          assert.equal(state.kind, 'done');
          assert.equal(last.requests[1]?.from, 50_000);
          await place.close();
        }),
    );
  });

  test('a relative one is followed', () =>
    withServer(
      (asked) => (asked.seen.path === '/other' ? asked.serve() : redirectTo('../other')(asked)),
      async ({ url }) => assert.equal((await fetch(url)).end, 'done'),
    ));

  test('carries no user name and password to another origin, and those of the URL stay at its own', () => {
    const at: string[] = [];
    const seen: Behaviour = ({ request, serve }) => {
      at.push(request.headers.authorization ?? '');
      serve();
    };
    return withServer(seen, (other) =>
      withServer(redirectTo(other.url.replace('//', '//admin:sesame@')), async (first) => {
        assert.equal((await fetch(first.url.replace('//', '//ann:secret@'))).end, 'done');
        assert.deepEqual(at, ['']);
        const own: Behaviour = (asked) => (asked.seen.path === '/other' ? seen(asked) : redirectTo('/other')(asked));
        await withServer(own, async ({ url }) => {
          assert.equal((await fetch(url.replace('//', '//ann:secret@'))).end, 'done');
        });
        assert.deepEqual(at, ['', `Basic ${Buffer.from('ann:secret').toString('base64')}`]);
      }),
    );
  });

  for (const status of [300, 304, 305]) {
    test(`${status} is not followed`, () =>
      withServer(
        ({ response }) => void response.writeHead(status, { Location: '/other' }).end(),
        async ({ url }) => assert.equal((await fetch(url)).end, 'http-failed'),
      ));
  }
});

test('a server that refuses the connection is named once, with what to check', async () => {
  const { end, sentence } = await fetch('http://127.0.0.1:1/file');
  assert.equal(end, 'unreachable');
  assert.match(
    sentence,
    /^127\.0\.0\.1:1 refused the connection \(ECONNREFUSED\): check the port, and that its server runs; /,
  );
});

test('a name without an address is named', async () => {
  assert.match((await fetch('http://no-such-host.invalid/file')).end, /^no-host$/);
});

describe('TLS', { skip: missing('openssl') }, () => {
  let directory = '';
  let trusted: ServerCertificate;
  let expired: ServerCertificate;
  let strange: ServerCertificate;
  const defaults = getCACertificates('default');
  const read = ({ cert, key }: { cert: string; key: string }): ServerCertificate => ({
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
  });
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-download-tls-'));
    const nowMs = systemClock.wallTimeMs();
    const authority = makeAuthority(directory, nowMs);
    trusted = read(authority.issue('trusted'));
    expired = read(authority.issue('expired', -10, -5));
    setDefaultCACertificates([...defaults, readFileSync(authority.caFile, 'utf8')]);
    const elsewhere = mkdtempSync(join(directory, 'elsewhere-'));
    strange = read(makeAuthority(elsewhere, nowMs).issue('strange'));
  });
  after(() => {
    setDefaultCACertificates(defaults);
    rmSync(directory, { recursive: true, force: true });
  });

  test('a trusted server is used', () =>
    withServer(HONEST, async ({ url }) => assert.equal((await fetch(url)).end, 'done'), trusted));

  test('a redirect from http to https is followed, and never back', () =>
    withServer(HONEST, async (plain) => {
      await withServer(
        redirectTo(plain.url),
        async (secure) => {
          assert.equal((await fetch(secure.url)).end, 'redirect-insecure');
          assert.equal(plain.requests.length, 0);
          await withServer(redirectTo(secure.url), async ({ url }) =>
            assert.equal((await fetch(url)).end, 'redirect-insecure'),
          );
        },
        trusted,
      );
      await withServer(
        HONEST,
        (secure) => withServer(redirectTo(secure.url), async ({ url }) => assert.equal((await fetch(url)).end, 'done')),
        trusted,
      );
    }));

  for (const [name, certificate, says, host] of [
    ['an expired certificate', () => expired, /CERT_HAS_EXPIRED.*check the clock/],
    ['a certificate of an unknown authority', () => strange, /unknown authority.*update-ca-certificates/],
    ['a certificate for another name', () => trusted, /another name: check the URL/, '127.0.0.2'],
  ] as const) {
    test(`${name} is refused, and explained`, () =>
      withServer(
        HONEST,
        async (server) => {
          const url = host === undefined ? server.url : server.url.replace('127.0.0.1', host);
          const relay = host === undefined ? undefined : await relayOf(host, server.url);
          const { end, sentence } = await fetch(url);
          assert.equal(end, 'tls');
          assert.match(sentence, says);
          relay?.close();
          assert.equal(server.requests.length, 0);
        },
        certificate(),
      ));
  }

  test('a server that speaks no TLS is explained', () =>
    withServer(HONEST, async ({ url }) => assert.equal((await fetch(url.replace('http:', 'https:'))).end, 'tls')));

  test('through a proxy a tunnel is made, and the certificate is that of the server', () =>
    withServer(
      HONEST,
      async ({ url }) => {
        const proxy = await startProxy();
        assert.equal((await fetch(url, { ...NO_PROXY, https: proxy.url })).end, 'done');
        assert.deepEqual(proxy.seen, [`CONNECT ${new URL(url).host}`]);
        await proxy.close();
      },
      trusted,
    ));

  test('a proxy that refuses a tunnel, or leaves it open, is named', async () => {
    const refusing = await startProxy({ refuses: true });
    const proxied = (url: string) => fetch('https://127.0.0.1:1/file', { ...NO_PROXY, https: url });
    const { end, sentence } = await proxied(refusing.url.replace('//', '//user:secret@'));
    assert.equal(end, 'proxy');
    assert.match(sentence, /HTTP 403.*check http_proxy/);
    assert.doesNotMatch(sentence, /secret/);
    await refusing.close();
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket.on('error', () => undefined)));
    const late = await proxied(`http://${await listen(silent)}`);
    assert.match(late.end, /^(?:connect-late|silent|proxy)$/);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  for (const scheme of ['http', 'https']) {
    test(`an ${scheme} proxy whose answer to CONNECT has no end is left after a few reads, and named`, async () => {
      let sentBytes = 0;
      const answer = (socket: Socket): void => {
        const piece = Buffer.alloc(65_536, 'a');
        const send = (): void => {
          // Without a bound this ends the thread, so the proxy itself stops.
          while (sentBytes < 64 * 1024 * 1024 && socket.writable) {
            sentBytes += piece.length;
            if (!socket.write(piece)) return void socket.once('drain', send);
          }
        };
        socket
          .on('error', () => undefined)
          .once('data', () => {
            socket.write('HTTP/1.1 200 OK\r\nX: ');
            send();
          });
      };
      const proxy = scheme === 'http' ? createTcpServer(answer) : createTlsServer(trusted, answer);
      const url = `${scheme}://${await listen(proxy)}`;
      const { end, sentence } = await fetch('https://mirror.example/file', { ...NO_PROXY, https: url });
      proxy.close();
      assert.match(end, /^(?:proxy|bad-answer)$/, sentence);
      assert.ok(sentBytes < 16 * 1024 * 1024, `${sentBytes} bytes were sent`);
    });
  }
});

describe('an HTTP proxy', () => {
  test('that repeats the password that it got does not bring it into the messages', async () => {
    const credentials = Buffer.from('bob:hunter2pw').toString('base64');
    const proxy = createTcpServer((socket) =>
      socket
        .on('error', () => undefined)
        .once('data', () => socket.end(`HTTP/1.1 502 Basic ${credentials} hunter2pw\r\nContent-Length: 0\r\n\r\n`)),
    );
    const url = `http://bob:hunter2pw@${await listen(proxy)}`;
    const { end, sentence } = await fetch('https://mirror.example/file', { ...NO_PROXY, https: url });
    proxy.close();
    assert.equal(end, 'proxy');
    assert.match(sentence, /HTTP 502/);
    assert.doesNotMatch(sentence, /hunter2pw|Ym9i/);
  });

  test('that sends elsewhere with its password in the address does not bring it into the messages', () =>
    withServer(
      ({ response }) =>
        void response.writeHead(302, { location: 'ftp://hunter2pw.example/Ym9iOmh1bnRlcjJwdw==' }).end(),
      async ({ url }) => {
        const http = url.replace('//', '//bob:hunter2pw@');
        const { end, sentence } = await fetch('http://mirror.example/file', { ...NO_PROXY, http });
        assert.equal(end, 'redirect-unusable');
        assert.doesNotMatch(sentence, /hunter2pw|Ym9i/);
      },
    ));

  test('is asked with the whole URL, except for hosts without a proxy', () =>
    withServer(HONEST, async ({ url }) => {
      const proxy = await startProxy();
      assert.equal((await fetch(url, { ...NO_PROXY, http: proxy.url })).end, 'done');
      assert.deepEqual(proxy.seen, [`GET ${url}`]);
      assert.equal((await fetch(url, { ...NO_PROXY, http: proxy.url, except: 'a.example,127.0.0.1' })).end, 'done');
      assert.equal(proxy.seen.length, 1);
      await proxy.close();
    }));

  test('that asks for a password is named', () =>
    withServer(
      ({ response }) => void response.writeHead(407).end(),
      async ({ url }) => {
        const { end, sentence } = await fetch('http://mirror.example/file', { ...NO_PROXY, http: url });
        assert.equal(end, 'proxy-password');
        assert.match(sentence, /the proxy .* asked for a password/);
      },
    ));

  test('that is away is named with the host', async () => {
    const { end, sentence } = await fetch('http://mirror.example/file', { ...NO_PROXY, http: 'http://127.0.0.1:1' });
    assert.equal(end, 'unreachable');
    assert.match(
      sentence,
      /mirror\.example cannot be reached through the proxy http:\/\/127\.0\.0\.1:1\/ \(ECONNREFUSED\)/,
    );
  });

  for (const http of [
    'socks5://127.0.0.1:1080',
    'proxy:3128',
    '',
    'socks5://ann:secret@127.0.0.1:1080',
    'ann:secret@127.0.0.1:3128',
    '//ann:secret@127.0.0.1',
  ]) {
    test(`${JSON.stringify(http)} is refused, without its password`, () => {
      const make = (): WebClient => new WebClient({ ...QUICK, proxy: { ...NO_PROXY, http } });
      assert.throws(make, (error) => {
        assert.ok(error instanceof RackError && error.code === 'bad-argument');
        return !error.message.includes('secret');
      });
    });
  }

  for (const [environment, expected] of [
    [{}, NO_PROXY],
    [
      { http_proxy: 'http://a:1', NO_PROXY: 'b' },
      { http: 'http://a:1', https: undefined, except: 'b' },
    ],
    [
      { HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:1' },
      { ...NO_PROXY, https: 'http://b:1' },
    ],
    [{ https_proxy: '' }, NO_PROXY],
  ] as const) {
    test(`the environment ${JSON.stringify(environment)} means ${JSON.stringify(expected)}`, () =>
      assert.deepEqual(readEnvironmentProxy(environment), expected));
  }

  test('of the site is used if the environment names none, but not for this host', () => {
    const site = 'http://site:8000/';
    const both = { http: site, https: site };
    assert.deepEqual(chooseProxy(site, {}), { ...both, except: 'localhost,127.0.0.1' });
    assert.deepEqual(chooseProxy(site, { no_proxy: '.example' }), { ...both, except: '.example' });
    assert.deepEqual(chooseProxy(site, { https_proxy: 'http://a:1' }), { ...NO_PROXY, https: 'http://a:1' });
    assert.deepEqual(chooseProxy('', {}), NO_PROXY);
  });
});

/** @returns host and port */
async function listen(server: TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${portOf(server)}`;
}

/** Listens at another address, and passes everything on to a server. */
async function relayOf(host: string, url: string): Promise<{ close(): void }> {
  const port = Number(new URL(url).port);
  const relay = createTcpServer((socket) => {
    const onward = connect(port, '127.0.0.1').on('error', () => undefined);
    socket
      .on('error', () => undefined)
      .pipe(onward)
      .pipe(socket);
  });
  await new Promise<void>((resolve) => relay.listen(port, host, resolve));
  return { close: () => relay.close() };
}

/** A forward proxy. */
async function startProxy({ refuses = false } = {}) {
  const seen: string[] = [];
  const tunnels: Socket[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    get(request.url ?? '', { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
  });
  server.on('connect', ({ url = '' }, socket: Socket) => {
    seen.push(`CONNECT ${url}`);
    tunnels.push(socket.on('error', () => undefined));
    if (refuses) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const [host = '', port = ''] = url.split(':');
    const onward = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n')).on(
      'error',
      () => undefined,
    );
    onward.pipe(socket).pipe(onward);
  });
  const url = `http://${await listen(server)}`;
  const close = (): Promise<unknown> => {
    server.closeAllConnections();
    for (const socket of tunnels) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, seen, close };
}
